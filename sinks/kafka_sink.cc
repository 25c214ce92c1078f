#include "sinks/kafka_sink.h"

#include <algorithm>
#include <cassert>
#include <utility>

#include "buffer/base/counted.h"
#include "sinks/kafka_certificate.h"
#include "sinks/kafka_codes.h"
#include "sinks/kafka_outcome.h"

namespace punchline {
namespace {

using namespace kafka_codes;
using Clock = std::chrono::steady_clock;

constexpr std::size_t kReportsPerPoll = 50'000;
/// A topic that vanished needs longer than this to come back: librdkafka asks for it once a second
/// (rd_kafka_topic_scan_all), and our own question takes a round trip after an answer that we saw.
constexpr std::chrono::milliseconds kUnseenMax{50};
constexpr std::chrono::milliseconds kClosedTime{100};
constexpr std::chrono::hours kClosedUntilAnswer{24};

bool of_the_connection(std::int32_t code) {
  switch (code) {
    case kResolve:
    case kTransport:
    case kAllBrokersDown:
    case kSsl:
    case kTimedOut:
    case kAuthentication:
      return true;
    default:
      return false;
  }
}

/// True for an error of a broker after which librdkafka does not try again, so that the instance is
/// lost to keep the order (rd_kafka_handle_Produce_error). librdkafka's own codes are below -1,
/// except UNKNOWN.
bool ends_instance(const Delivery& delivery) {
  return delivery.outcome != Outcome::persisted && (delivery.code == -1 || delivery.code > 0);
}

}  // namespace

/// The settings of the side client. Careful flights are small, and each waits for the one before.
KafkaSettings KafkaSink::without_linger(KafkaSettings settings) {
  settings.properties["queue.buffering.max.ms"] = "0";
  return settings;
}

Result<std::unique_ptr<KafkaSink>> KafkaSink::open(const KafkaSettings& settings,
                                                   const KafkaLimits& limits) {
  std::unique_ptr<KafkaSink> sink(new KafkaSink(settings, limits));
  if (auto started = sink->main_.start(); !started) return started.error();
  sink->ask_addresses();
  return sink;
}

KafkaSink::KafkaSink(const KafkaSettings& settings, const KafkaLimits& limits)
    : settings_(settings),
      limits_(limits),
      main_(settings, limits, wake_),
      side_(without_linger(settings), limits, wake_),
      now_(Clock::now()) {}

KafkaSink::~KafkaSink() = default;

RouteId KafkaSink::open_route(const std::string& name) {
  const auto known = std::find_if(routes_.begin(), routes_.end(),
                                  [&](const Route& route) { return route.name == name; });
  if (known != routes_.end()) return static_cast<RouteId>(known - routes_.begin());
  const auto route = static_cast<RouteId>(routes_.size());
  routes_.push_back({name, {}, {}, {}});
  side_.add_route(route, name);
  if (!main_.add_route(route, name)) {
    pending_.push_back({Notice::Severity::error, kTopicException,
                        "topic '" + name + "': librdkafka does not accept this name"});
    wake_.wake();
  }
  return route;
}

std::int32_t KafkaSink::partition_count(RouteId route) const {
  return route < routes_.size() ? routes_[route].partitions.count() : 0;
}

const KafkaSink::LaneState* KafkaSink::find(Lane lane) const {
  if (lane.route >= routes_.size() || lane.partition < 0) return nullptr;
  const auto& lanes = routes_[lane.route].lanes;
  const auto partition = static_cast<std::size_t>(lane.partition);
  return partition < lanes.size() ? &lanes[partition] : nullptr;
}

KafkaSink::LaneState* KafkaSink::find(Lane lane) {
  return const_cast<LaneState*>(std::as_const(*this).find(lane));
}

/// The room of one partition, so that one without a leader cannot take the room of the others.
Room KafkaSink::share() const {
  const std::size_t lanes = std::max<std::size_t>(lanes_, 1);
  return {limits_.records_max / lanes, limits_.payload_bytes_max / lanes};
}

Room KafkaSink::room(Lane lane) const {
  const LaneState* state = find(lane);
  if (state == nullptr || stopped_) return {};
  const KafkaInstance* instance = client_of(*state).taking();
  if (instance == nullptr || instance->holds_reports()) return {};
  const Route& route = routes_[lane.route];
  if (state->refusing || lane.partition >= route.partitions.open()) return {};
  if (now_ < route.closed_until) return {};
  return state->window.room(share(), now_);
}

std::size_t KafkaSink::fitting(std::span<const Record> run, Room room) const {
  std::size_t count = 0;
  std::size_t bytes = 0;
  const std::size_t most = std::min({run.size(), room.records, KafkaInstance::kRunMax});
  while (count < most) {
    const std::size_t payload = run[count].payload_bytes;
    if (run[count].sent_bytes() > settings_.payload_bytes_max) break;
    if (count > 0 && bytes + payload > room.payload_bytes) break;
    bytes += payload;
    ++count;
  }
  return count;
}

/// Takes nothing where that could break the order: while a failure may be unseen, or after all
/// connections were lost.
std::size_t KafkaSink::offer(Lane lane, std::span<const Record> run) {
  now_ = Clock::now();
  LaneState* state = find(lane);
  if (state == nullptr || run.empty()) return 0;
  state->window.look_at_clock(now_);
  const Room space = room(lane);
  KafkaSupervisor& client = client_of(*state);
  if (space.records == 0 || may_have_failed_unseen(client)) return 0;
  if (client.taking()->cut()) {
    client.taking()->miss();
    wake_.wake();
    return 0;
  }
  if (run.front().sent_bytes() > settings_.payload_bytes_max) {
    refuse_here(lane, *state, run.front());
    return 1;
  }
  run = run.first(fitting(run, space));
  const auto taken = client.taking()->produce(lane, run, time_of_);
  if (taken.records > 0) {
    std::size_t bytes = 0;
    for (const Record& record : run.first(taken.records))
      bytes += record.payload_bytes;
    if (state->window.records() == 0) state->waiting_since = now_;
    state->window.offered(taken.records, bytes, now_);
  }
  if (taken.records > 0) notices_.taken(lane);
  if (taken.code == kMsgSizeTooLarge && taken.records == 0) {
    refuse_here(lane, *state, run.front());  // librdkafka counts more than sent_bytes()
    return 1;
  }
  if (taken.code != 0) not_taken(lane, taken.code);
  return taken.records;
}

void KafkaSink::not_taken(Lane lane, std::int32_t code) {
  // The records before the one that is too large were taken. That one is the next to be offered.
  if (code == kMsgSizeTooLarge) return wake_.wake();
  Route& route = routes_[lane.route];
  notices_.not_taken(lane, code, route.name, now_, pending_);
  close(route);
}

/// Queued records of a topic that metadata calls unknown come back as failed. When the topic is
/// there again, others would be taken. A caller that knows of the failure does not offer the
/// records after it, so nothing is taken while a failure may be unseen.
bool KafkaSink::may_have_failed_unseen(const KafkaSupervisor& client) const {
  return now_ - drained_ > kUnseenMax && client.taking()->has_unseen();
}

/// Reports the record as refused. librdkafka would skip it, and take the records after it.
void KafkaSink::refuse_here(Lane lane, LaneState& state, const Record& record) {
  Delivery delivery;
  delivery.lane = lane;
  delivery.owner = record.chunk->owner;
  delivery.outcome = Outcome::refused;
  delivery.alone = true;
  delivery.code = kMsgSizeTooLarge;
  delivery.range = record.range();
  delivery.records = 1;
  delivery.payload_bytes = record.payload_bytes;
  local_.push_back(delivery);
  state.refusing = true;
  wake_.wake();
}

/// Closes a route whose topic or partition is unknown, or whose instance is lost: poll() finds out
/// which.
void KafkaSink::close(Route& route) {
  route.closed_until = now_ + kClosedUntilAnswer;
  if (KafkaInstance* instance = main_.reporting()) instance->watch().look_now();
  wake_.wake();
}

std::size_t KafkaSink::outstanding() const {
  return local_.size() + main_.outstanding() + side_.outstanding();
}

void KafkaSink::reconnect(const KafkaSettings& settings) {
  if (stopped_) return;
  wanted_ = settings_;
  for (const auto& [name, value] : connection_properties(settings_.properties))
    wanted_->properties.erase(name);
  wanted_->properties.merge(connection_properties(settings.properties));
  wanted_->hidden = settings.hidden;
  wanted_->given = settings.given;
  wanted_->credentials = settings.credentials;
  trial_failure_told_.clear();
  main_.try_out(*wanted_);
}

void KafkaSink::stop() {
  stopped_ = true;
  wanted_.reset();
  main_.stop();
  side_.stop();
}

/// Reports are taken before clients are judged and given up. The timer is set last, when everything
/// that is due is known.
bool KafkaSink::poll(std::vector<Delivery>& deliveries, std::vector<Notice>& notices) {
  wake_.clear();
  now_ = Clock::now();
  take_local(deliveries);
  notices.insert(notices.end(), pending_.begin(), pending_.end());
  pending_.clear();
  bool more = poll(main_, deliveries, notices);
  more = poll(side_, deliveries, notices) || more;
  hear_brokers();
  hear_answers(notices);
  if (const auto several = addresses_.take_several()) {
    notices.push_back({Notice::Severity::error, kInconsistentClusterId,
                       "bootstrap.servers leads to different clusters, by their cluster ids: " +
                           *several + "; records go to whichever answers"});
  }
  notices_.remind(now_, notices);
  if (!more) drained_ = now_;
  look_for_loss(notices);
  look_for_stalls(notices);
  move_on(deliveries, notices);
  set_timer(more);
  return more;
}

bool KafkaSink::poll(KafkaSupervisor& client, std::vector<Delivery>& deliveries,
                     std::vector<Notice>& notices) {
  KafkaInstance* instance = client.reporting();
  if (instance == nullptr) return false;
  const std::size_t first = deliveries.size();
  std::vector<KafkaSaying> sayings;
  const bool more = instance->poll(kReportsPerPoll, deliveries, sayings);
  for (std::size_t i = first; i < deliveries.size(); ++i)
    take(deliveries[i], notices);
  for (const KafkaSaying& saying : sayings)
    hear(saying, notices);
  return more;
}

void KafkaSink::take_local(std::vector<Delivery>& deliveries) {
  for (const Delivery& delivery : local_)
    find(delivery.lane)->refusing = false;
  deliveries.insert(deliveries.end(), local_.begin(), local_.end());
  local_.clear();
}

void KafkaSink::take(Delivery& delivery, std::vector<Notice>& notices) {
  LaneState* state = find(delivery.lane);
  assert(state != nullptr);
  if (delivery.outcome == Outcome::persisted && !counts(delivery, *state, notices)) {
    delivery.outcome = Outcome::unknown;
  }
  delivery.alone =
      delivery.outcome == Outcome::refused && state->aside && state->window.records() == 1;
  state->window.reported(delivery, now_);
  if (ends_instance(delivery) && delivery.outcome != Outcome::refused) state->window.doubt();
  state->waiting_since = now_;
  state->former = -1;
  if (delivery.outcome == Outcome::persisted) {
    success_ = now_;
    stalls_.arrived(delivery.lane);
    client_of(*state).note_success();
  }
  choose_client(*state);
  notices_.delivery(delivery, routes_[delivery.lane.route].name, notices);
}

void KafkaSink::choose_client(LaneState& state) {
  if (state.window.records() != 0 || state.aside == state.window.careful()) return;
  state.aside = state.window.careful();
  state.window.reopen();
}

void KafkaSink::hear(const KafkaSaying& saying, std::vector<Notice>& notices) {
  if (saying.kind == KafkaSaying::Kind::certificate) {
    notices_.certificate_trouble(saying.text);
    return;
  }
  if (saying.kind == KafkaSaying::Kind::log) {
    if (settings_.debug) notices.push_back({Notice::Severity::info, 0, saying.text});
    return;
  }
  // This is the end of the instance: look_for_loss() asks for it.
  if (kafka_outcome(saying.code, false).fault == KafkaFault::fatal) return;
  if (saying.code == kNoResource) lacks_threads_ = true;
  if (of_the_connection(saying.code) || is_of_the_protocol(saying.text)) {
    silence_.failed();
    stalls_.failed(saying.text);
    notices_.connection_error(saying.code, saying.text, notices);
    if (KafkaInstance* main = main_.reporting()) main->watch().look_now();  // does anybody answer?
    return;
  }
  notices_.other_error(saying.code, saying.text, notices);
}

/// The side client asks, too, since it has to know leaders. Its answers are dropped: the main
/// client hears the same.
void KafkaSink::hear_answers(std::vector<Notice>& notices) {
  std::vector<TopicAnswer> answers;
  if (KafkaInstance* side = side_.reporting()) side->watch().take_answers(answers);
  answers.clear();
  if (KafkaInstance* main = main_.reporting()) main->watch().take_answers(answers);
  if (!answers.empty()) learn_cluster(notices);
  for (const TopicAnswer& answer : answers)
    hear(answer, notices);
  if (const auto none = silence_.take(now_, notices_.failing())) hear_nobody(*none, notices);
  hear_ends(notices);
  ask_for_partitions();
}

void KafkaSink::ask_for_partitions() {
  KafkaInstance* main = main_.reporting();
  for (Route& route : routes_)
    if (route.partitions.take_due(now_) && main != nullptr) main->watch().look_now();
}

void KafkaSink::hear(const TopicAnswer& answer, std::vector<Notice>& notices) {
  if (!answer.broker_answered) return silence_.unanswered(answer, now_);
  silence_.answered();
  Route& route = routes_[answer.route];
  notices_.topic_answer(answer, route.name, notices);
  lacks_threads_ = false;
  stalls_.learn(answer.brokers);
  if (answer.code != 0) return;
  if (route.closed_until > now_) route.closed_until = now_ + kClosedTime;
  if (route.partitions.learn(answer.partitions, now_)) {
    notices.push_back({Notice::Severity::warning, 0,
                       "topic '" + route.name + "': a broker tells of " +
                           counted(static_cast<std::uint64_t>(answer.partitions), "partition") +
                           ", " + std::to_string(route.partitions.count()) +
                           " were known: none of the others gets records until that is clear"});
  }
  const auto count = static_cast<std::size_t>(answer.partitions);
  if (count > route.lanes.size()) {
    lanes_ += count - route.lanes.size();
    // Lanes never go away: reports may come for a partition that no longer exists.
    const LaneState fresh({settings_.batch_bytes, settings_.batch_records});
    route.lanes.resize(count, fresh);
  }
  for (std::size_t i = 0; i < answer.places.size(); ++i) {
    LaneState& lane = route.lanes[i];
    const bool moved = lane.place.leader != answer.places[i].leader;
    if (moved && lane.window.records() != 0 && lane.former < 0) lane.former = lane.place.leader;
    lane.place = answer.places[i];
  }
}

void KafkaSink::set_timer(bool more) {
  auto due = main_.due();
  const auto also = [&due](Time when) { due = due ? std::min(*due, when) : when; };
  if (const auto side = side_.due()) also(*side);
  if (main_.taking() != nullptr) also(check_at_);
  if (main_.taking() != nullptr && notices_.denied()) also(away_since_ + limits_.denied_max);
  if (outstanding() > 0) also(stalls_due_);
  if (const auto over = stalls_.due()) also(std::max(*over, stalls_due_));
  if (const auto certain = silence_.due()) also(*certain);
  for (const Route& route : routes_) {
    if (const auto ask = route.partitions.due()) also(*ask);
    if (route.closed_until > now_ && route.closed_until < now_ + kClosedUntilAnswer / 2) {
      also(route.closed_until);
    }
  }
  wake_.wake_at(due);
  if (more) wake_.wake();
}

}  // namespace punchline
