#include "sinks/kafka_instance.h"

#include <algorithm>
#include <array>
#include <cassert>
#include <cinttypes>
#include <cstdio>
#include <cstdlib>
#include <string_view>
#include <utility>

#include <librdkafka/rdkafka.h>

#include "sinks/kafka_certificate.h"
#include "sinks/kafka_client.h"
#include "sinks/kafka_codes.h"
#include "sinks/kafka_outcome.h"

namespace punchline {
namespace {

constexpr int kWarningLevel = 4;  // of syslog
constexpr int kEvents = RD_KAFKA_EVENT_DR | RD_KAFKA_EVENT_ERROR | RD_KAFKA_EVENT_LOG;

/// The route travels as the topic's opaque, plus 1, so that it is never the null pointer.
void* as_opaque(RouteId route) {
  return reinterpret_cast<void*>(static_cast<std::uintptr_t>(route) + 1);  // NOLINT
}
RouteId route_of(const rd_kafka_message_t& message) {
  return static_cast<RouteId>(reinterpret_cast<std::uintptr_t>(  // NOLINT
                                  rd_kafka_topic_opaque(message.rkt)) -
                              1);
}

KafkaProperties for_instance(KafkaProperties properties) {
  // librdkafka logs at this level that brokers belong to two clusters.
  if (const auto level = properties.find("log_level");
      level != properties.end() && std::atoi(level->second.c_str()) < kWarningLevel) {
    level->second = std::to_string(kWarningLevel);
  }
  // Otherwise an open transaction of somebody else would hide where a log ends.
  properties.insert_or_assign("isolation.level", "read_uncommitted");
  return properties;
}

/// librdkafka names the property alone. This adds the path of its file.
Error with_its_file(const Error& error, const KafkaSettings& settings) {
  for (const auto& [name, path] : settings.properties) {
    const bool named = error.context().find(name + " failed") != std::string::npos;
    if (!named || !name.ends_with(".location") || settings.hidden.contains(name)) continue;
    return {error.kind(), error.code(), error.context() + " (" + name + " is " + path + ")"};
  }
  return error;
}

/// Tries the settings on a client without brokers, which finds out certificates that are not there.
/// A client that is watched leaves memory behind if it cannot be made (start_kafka_client).
Status try_client(const KafkaSettings& settings) {
  auto properties = for_instance(settings.properties);
  properties.erase("metadata.broker.list");
  auto conf = make_kafka_conf(properties);
  if (!conf) return conf.error();
  auto client = start_kafka_client(std::move(*conf), true);
  if (!client) return with_its_file(client.error(), settings);
  rd_kafka_destroy(*client);
  return {};
}

void add(rd_kafka_headers_t* to, std::string_view name, std::string_view value) {
  rd_kafka_header_add(to, name.data(), static_cast<ssize_t>(name.size()), value.data(),
                      static_cast<ssize_t>(value.size()));
}

void add_common(rd_kafka_headers_t* to, const CommonHeaders& common, const Record& record) {
  for (const auto& [name, value] : common.headers)
    add(to, name, value);
  if (!common.provenance) return;
  std::array<char, 24> text{};
  add(to, kPositionHeader, to_string(record.range().begin));
  const auto sum = std::snprintf(text.data(), text.size(), "%08" PRIx32, record.extra()->crc32c);
  add(to, kSumHeader, {text.data(), static_cast<std::size_t>(sum)});
}

/// librdkafka puts the time of the call in place of 0 (rd_kafka_msg_new0), and sends -1 as it is.
/// To a broker that is a record without a time. No limit of the topic refuses such a record
/// (LogValidator.validateTimestamp), and a segment of such records is as old as its file
/// (LogSegment.largestTimestamp). It is so with 3.9.1 and 4.1.0, compressed or not.
std::int64_t timestamp_of(const Record& record, TimeOf time_of) {
  const RecordExtra* extra = record.extra();
  if (extra != nullptr && extra->timestamp_ms > 0) return extra->timestamp_ms;
  return time_of == TimeOf::destination ? -1 : 0;
}

/// nullptr if the record has no headers.
rd_kafka_headers_t* copy_headers(const Record& record) {
  const Chunk& chunk = *record.chunk;
  const RecordExtra* extra = record.extra();
  const std::size_t own = extra != nullptr ? extra->header_count : 0;
  const std::size_t common = chunk.common != nullptr ? chunk.common->headers.size() + 2 : 0;
  const bool has_time = extra != nullptr && extra->refused_time_ms >= 0;
  if (own + common == 0 && !has_time) return nullptr;
  rd_kafka_headers_t* copy = rd_kafka_headers_new(own + common + 1);
  for (std::size_t i = 0; i < own; ++i) {
    const auto& header = chunk.headers[extra->headers + i];
    rd_kafka_header_add(copy, chunk.data() + header.name, header.name_bytes,
                        header.has_value ? chunk.data() + header.value : nullptr,
                        header.value_bytes);
  }
  if (chunk.common != nullptr) add_common(copy, *chunk.common, record);
  if (has_time) add(copy, kTimestampHeader, std::to_string(extra->refused_time_ms));
  return copy;
}

}  // namespace

/// Reports on neighbouring records with the same fate, which become one Delivery.
struct KafkaInstance::Run {
  Delivery delivery;
  Chunk* chunk = nullptr;  // nullptr: empty
  const rd_kafka_topic_t* topic = nullptr;
  bool has_offset = false;
  RequestOffsets offsets;  // an event's reports are those of one request (rd_kafka_dr_msgq)
};

Result<std::unique_ptr<KafkaInstance>> KafkaInstance::start(
    const KafkaSettings& settings, const WakeFd& wake,
    std::chrono::milliseconds metadata_interval) {
  const auto properties = for_instance(settings.properties);
  auto conf = make_kafka_conf(properties, settings.hidden, settings.given);
  if (!conf) return conf.error();
  if (properties.contains("security.protocol")) {
    if (auto tried = try_client(settings); !tried) return tried.error();
  }
  rd_kafka_conf_set_events(conf->get(), kEvents);
  auto connections = std::make_shared<KafkaConnections>(wake.event_fd());
  auto watch = KafkaWatch::start(wake.event_fd(), metadata_interval, connections);
  if (!watch) return watch.error();
  auto client = start_kafka_client(std::move(*conf), true, connections.get());
  if (!client) return client.error();
  return std::unique_ptr<KafkaInstance>(
      new KafkaInstance(*client, wake, std::move(connections), std::move(*watch)));
}

KafkaInstance::KafkaInstance(rd_kafka_s* client, const WakeFd& wake,
                             std::shared_ptr<KafkaConnections> connections,
                             std::unique_ptr<KafkaWatch> watch)
    : client_(client),
      queue_(rd_kafka_queue_get_main(client)),
      connections_(std::move(connections)),
      watch_(std::move(watch)),
      batch_(kRunMax) {
  rd_kafka_set_log_queue(client_, nullptr);  // nullptr: the main queue
  const std::uint64_t one = 1;               // what an eventfd wants to be written
  rd_kafka_queue_io_event_enable(queue_, wake.event_fd(), &one, sizeof one);
  watch_->take_client(client_, queue_);
}

KafkaInstance::~KafkaInstance() {
  if (!leaked_) holds_.give_back_all();
}

bool KafkaInstance::add_route(RouteId route, const std::string& topic) {
  assert(route == topics_.size());
  rd_kafka_topic_conf_t* conf = rd_kafka_default_topic_conf_dup(client_);
  rd_kafka_topic_conf_set_opaque(conf, as_opaque(route));
  // rd_kafka_topic_new takes over the configuration, even if it fails (rd_kafka_topic_new0).
  rd_kafka_topic_t* handle = rd_kafka_topic_new(client_, topic.c_str(), conf);
  topics_.push_back(handle);
  if (handle == nullptr) return false;
  watch_->add_topic(route, handle);
  return true;
}

KafkaInstance::Taken KafkaInstance::produce(Lane lane, std::span<const Record> run,
                                            TimeOf time_of) {
  run = run.first(std::min(run.size(), kRunMax));
  const Record& first = run.front();
  const bool payload_alone = first.extra() == nullptr && first.chunk->common == nullptr &&
                             time_of == TimeOf::sender;
  return payload_alone ? produce_batch(lane, run) : produce_each(lane, run, time_of);
}

KafkaInstance::Taken KafkaInstance::produce_batch(Lane lane, std::span<const Record> run) {
  for (std::size_t i = 0; i < run.size(); ++i) {
    const Record& record = run[i];
    assert(record.chunk == run.front().chunk);
    batch_[i].payload = const_cast<char*>(record.data());
    batch_[i].len = record.payload_bytes;
    batch_[i]._private = const_cast<Record*>(&record);
    batch_[i].err = RD_KAFKA_RESP_ERR_NO_ERROR;
  }
  const int answer = rd_kafka_produce_batch(topics_[lane.route], lane.partition, 0, batch_.data(),
                                            static_cast<int>(run.size()));
  const auto good = static_cast<std::size_t>(std::max(answer, 0));
  if (good < run.size()) return taken_short(run, good);
  holds_.add(*run.front().chunk, static_cast<std::uint32_t>(good));
  return {good, 0};
}

KafkaInstance::Taken KafkaInstance::produce_each(Lane lane, std::span<const Record> run,
                                                 TimeOf time_of) {
  Taken taken;
  while (taken.records < run.size() && taken.code == 0) {
    taken.code = produce_one(lane, run[taken.records], time_of);
    if (taken.code == 0) ++taken.records;
  }
  if (taken.records > 0) holds_.add(*run.front().chunk, static_cast<std::uint32_t>(taken.records));
  return taken;
}

std::int32_t KafkaInstance::produce_one(Lane lane, const Record& record, TimeOf time_of) {
  const auto key = record.key();
  arguments_.clear();
  const auto add = [this](rd_kafka_vtype_t type) -> auto& {
    arguments_.emplace_back();
    arguments_.back().vtype = type;
    return arguments_.back().u;
  };
  add(RD_KAFKA_VTYPE_RKT).rkt = topics_[lane.route];
  add(RD_KAFKA_VTYPE_PARTITION).i32 = lane.partition;
  add(RD_KAFKA_VTYPE_VALUE).mem = {const_cast<char*>(record.data()), record.payload_bytes};
  add(RD_KAFKA_VTYPE_OPAQUE).ptr = const_cast<Record*>(&record);
  if (key) add(RD_KAFKA_VTYPE_KEY).mem = {const_cast<char*>(key->data()), key->size()};
  add(RD_KAFKA_VTYPE_TIMESTAMP).i64 = timestamp_of(record, time_of);
  rd_kafka_headers_t* headers = copy_headers(record);
  if (headers != nullptr) add(RD_KAFKA_VTYPE_HEADERS).headers = headers;
  rd_kafka_error_t* error = rd_kafka_produceva(client_, arguments_.data(), arguments_.size());
  if (error == nullptr) return 0;  // the headers are librdkafka's now
  const auto code = rd_kafka_error_code(error);
  rd_kafka_error_destroy(error);
  if (headers != nullptr) rd_kafka_headers_destroy(headers);
  return code;
}

/// librdkafka refuses all records, or all after one (a full queue, which we never meet).
KafkaInstance::Taken KafkaInstance::taken_short(std::span<const Record> run, std::size_t good) {
  const auto end = batch_.begin() + static_cast<std::ptrdiff_t>(run.size());
  const auto first = std::find_if(batch_.begin(), end, [](const rd_kafka_message_t& m) {
    return m.err != RD_KAFKA_RESP_ERR_NO_ERROR;
  });
  const std::int32_t code = first != end ? first->err : RD_KAFKA_RESP_ERR__FAIL;
  if (static_cast<std::size_t>(first - batch_.begin()) != good) {
    // Records after a refused one were taken. Only the end of the instance makes that harmless.
    order_lost_ = true;
    good = run.size();
  }
  if (good > 0) holds_.add(*run.front().chunk, static_cast<std::uint32_t>(good));
  return {good, code};
}

/// The events are read before any report is released: a log line among them may say that the
/// reports are not to be trusted.
bool KafkaInstance::poll(std::size_t records_max, std::vector<Delivery>& deliveries,
                         std::vector<KafkaSaying>& sayings) {
  std::size_t seen = 0;
  bool more = true;
  while (more && seen < records_max) {
    rd_kafka_event_t* event = rd_kafka_queue_poll(queue_, 0);
    const auto type = event != nullptr ? rd_kafka_event_type(event) : RD_KAFKA_EVENT_NONE;
    more = event != nullptr;
    ++seen;
    if (type == RD_KAFKA_EVENT_DR) {
      seen += rd_kafka_event_message_count(event);
      held_.push_back(event);
      continue;
    }
    if (type == RD_KAFKA_EVENT_ERROR) hear_error(event, sayings);
    if (type == RD_KAFKA_EVENT_LOG) hear_log(event, sayings);
    if (event != nullptr) rd_kafka_event_destroy(event);
  }
  if (connections_->take_refused()) {
    missed_ = true;
    watch_->look_now();  // the connections that are left show whether they are alive
  }
  release_reports(deliveries);
  return more;
}

/// A loss of connections is not reported here, but when the instance is given up, if it matters.
void KafkaInstance::hear_error(rd_kafka_event_t* event, std::vector<KafkaSaying>& sayings) {
  const char* said = rd_kafka_event_error_string(event);
  const std::string text = said != nullptr ? said : "";
  if (connections_->cut() || KafkaConnections::is_refusal(text)) return;
  sayings.push_back({KafkaSaying::Kind::error, rd_kafka_event_error(event), text});
}

void KafkaInstance::hear_log(rd_kafka_event_t* event, std::vector<KafkaSaying>& sayings) {
  const char* facility = nullptr;
  const char* text = nullptr;
  int level = 0;
  if (rd_kafka_event_log(event, &facility, &text, &level) != 0) return;
  if (auto trouble = certificate_trouble(facility, text)) {
    sayings.push_back({KafkaSaying::Kind::certificate, 0, std::move(*trouble)});
  }
  // From rd_kafka_parse_Metadata, if a broker's cluster id is not the one before. It is logged at
  // this level only.
  if (std::string_view(facility) == "CLUSTERID" && level == kWarningLevel) two_clusters_ = text;
  sayings.push_back(
      {KafkaSaying::Kind::log, level, std::string("librdkafka ") + facility + ": " + text});
}

bool KafkaInstance::trusted() const {
  return two_clusters_.empty() && !held_too_long_ && !connections_->beyond_vouching();
}

/// Releases the reports in the order in which they came. They are held while a connection that
/// confirmed some of them is not vouched for. If that takes too long, none of them counts as
/// persisted.
void KafkaInstance::release_reports(std::vector<Delivery>& deliveries) {
  if (held_.empty()) return;
  if (trusted() && !connections_->vouched()) {
    const auto now = std::chrono::steady_clock::now();
    if (!held_since_) held_since_ = now;
    held_too_long_ = now - *held_since_ > kHoldMax;
    return watch_->vouch();
  }
  held_since_.reset();
  for (rd_kafka_event_t* event : held_) {
    take_reports(event, deliveries);
    rd_kafka_event_destroy(event);
  }
  held_.clear();
}

void KafkaInstance::retire() {
  for (rd_kafka_event_t* event : held_)
    rd_kafka_event_destroy(event);
  held_.clear();
  watch_->retire();
}

void KafkaInstance::take_reports(rd_kafka_event_t* event, std::vector<Delivery>& deliveries) {
  std::array<const rd_kafka_message_t*, 256> reports{};
  Run run;
  std::size_t count = 0;
  while ((count = rd_kafka_event_message_array(event, reports.data(), reports.size())) > 0) {
    for (std::size_t i = 0; i < count; ++i)
      extend(run, *reports[i], deliveries);
  }
  finish(run, deliveries);
}

void KafkaInstance::extend(Run& run, const rd_kafka_message_s& report,
                           std::vector<Delivery>& deliveries) {
  const Record& record = *static_cast<const Record*>(report._private);
  const ByteRange range = record.range();
  Delivery& delivery = run.delivery;
  const bool has_offset = run.offsets.is_given(report.offset);
  if (record.chunk != run.chunk || range.begin != delivery.range.end ||
      report.err != delivery.code || has_offset != run.has_offset || report.rkt != run.topic ||
      report.partition != delivery.lane.partition) {
    finish(run, deliveries);
    run.chunk = record.chunk;
    run.topic = report.rkt;
    run.has_offset = has_offset;
    delivery = {};
    delivery.lane = {route_of(report), report.partition};
    delivery.owner = record.chunk->owner;
    delivery.outcome = kafka_outcome(report.err, run.has_offset && trusted()).outcome;
    delivery.code = report.err;
    if (has_offset) delivery.offset = report.offset;
    delivery.range = range;
  }
  delivery.range.end = range.end;
  ++delivery.records;
  delivery.payload_bytes += record.payload_bytes;
}

void KafkaInstance::finish(Run& run, std::vector<Delivery>& deliveries) {
  if (run.chunk == nullptr) return;
  deliveries.push_back(run.delivery);
  holds_.give_back(*run.chunk, run.delivery.records);
  run.chunk = nullptr;
}

bool KafkaInstance::has_unseen() const {
  return rd_kafka_queue_length(queue_) > 0;
}

std::optional<KafkaSaying> KafkaInstance::fatal() const {
  if (order_lost_) {
    return KafkaSaying{KafkaSaying::Kind::error, RD_KAFKA_RESP_ERR__INCONSISTENT,
                       "the client took records behind one it refused"};
  }
  if (!two_clusters_.empty()) {
    return KafkaSaying{KafkaSaying::Kind::error, kafka_codes::kInconsistentClusterId,
                       two_clusters_};
  }
  if (!trusted()) {
    return KafkaSaying{KafkaSaying::Kind::error, kafka_codes::kTransport,
                       "a broker that confirmed records did not say of which cluster it is"};
  }
  std::array<char, 512> reason{};
  const auto code = rd_kafka_fatal_error(client_, reason.data(), reason.size());
  if (code == RD_KAFKA_RESP_ERR_NO_ERROR) return std::nullopt;
  return KafkaSaying{KafkaSaying::Kind::error, code, reason.data()};
}

void KafkaInstance::purge() {
  rd_kafka_purge(client_, RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_NON_BLOCKING);
}

}  // namespace punchline
