#include "sinks/kafka_sink.h"

#include <algorithm>
#include <cassert>
#include <utility>

#include "sinks/kafka_outcome.h"

namespace punchline {
namespace {

using Clock = std::chrono::steady_clock;

constexpr std::size_t kReportsPerPoll = 50'000;
/// A topic that vanished needs longer than this to come back: librdkafka asks for it once a second
/// (rd_kafka_topic_scan_all), our own question takes a round trip after an answer that we saw.
constexpr std::chrono::milliseconds kUnseenMax{50};
constexpr std::chrono::milliseconds kClosedTime{100};
constexpr std::chrono::hours kClosedUntilAnswer{24};

constexpr std::int32_t kMsgSizeTooLarge = 10;
constexpr std::int32_t kTopicException = 17;
constexpr std::int32_t kFatal = -150;
constexpr std::int32_t kMsgTimedOut = -192;
constexpr std::int32_t kResolve = -193;
constexpr std::int32_t kTransport = -195;
constexpr std::int32_t kAllBrokersDown = -187;
constexpr std::int32_t kSsl = -181;
constexpr std::int32_t kTimedOut = -185;
constexpr std::int32_t kAuthentication = -169;

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

}  // namespace

Result<std::unique_ptr<KafkaSink>> KafkaSink::open(const KafkaSettings& settings,
                                                   const KafkaLimits& limits) {
  std::unique_ptr<KafkaSink> sink(new KafkaSink(settings, limits));
  if (auto started = sink->supervisor_.start(); !started) return started.error();
  return sink;
}

KafkaSink::KafkaSink(const KafkaSettings& settings, const KafkaLimits& limits)
    : settings_(settings), limits_(limits), supervisor_(settings, limits), now_(Clock::now()) {}

KafkaSink::~KafkaSink() = default;

RouteId KafkaSink::open_route(const std::string& name) {
  const auto known = std::find_if(routes_.begin(), routes_.end(),
                                  [&](const Route& route) { return route.name == name; });
  if (known != routes_.end()) return static_cast<RouteId>(known - routes_.begin());
  const auto route = static_cast<RouteId>(routes_.size());
  routes_.push_back({name, 0, {}, {}});
  if (!supervisor_.add_route(route, name)) {
    pending_.push_back({Notice::Severity::error, kTopicException,
                        "topic '" + name + "': librdkafka does not accept this name"});
    supervisor_.wake().wake();
  }
  return route;
}

std::int32_t KafkaSink::partition_count(RouteId route) const {
  return route < routes_.size() ? routes_[route].partitions : 0;
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

/// So that a partition without a leader cannot take the room of the others.
Room KafkaSink::share() const {
  const std::size_t lanes = std::max<std::size_t>(lanes_, 1);
  return {limits_.records_max / lanes, limits_.payload_bytes_max / lanes};
}

Room KafkaSink::room(Lane lane) const {
  const LaneState* state = find(lane);
  if (state == nullptr || stopped_ || supervisor_.taking() == nullptr) return {};
  const Route& route = routes_[lane.route];
  if (state->refusing || lane.partition >= route.partitions || now_ < route.closed_until) return {};
  return state->window.room(share());
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

std::size_t KafkaSink::offer(Lane lane, std::span<const Record> run) {
  now_ = Clock::now();
  LaneState* state = find(lane);
  if (state == nullptr || run.empty()) return 0;
  state->window.look_at_clock(now_);
  const Room space = room(lane);
  if (space.records == 0 || may_have_failed_unseen()) return 0;
  if (run.front().sent_bytes() > settings_.payload_bytes_max) {
    refuse_here(lane, *state, run.front());
    return 1;
  }
  run = run.first(fitting(run, space));
  const auto taken = supervisor_.taking()->produce(lane, run);
  if (taken.records > 0) {
    std::size_t bytes = 0;
    for (const Record& record : run.first(taken.records))
      bytes += record.payload_bytes;
    if (state->window.records() == 0) state->waiting_since = now_;
    state->window.offered(taken.records, bytes, now_);
  }
  if (taken.code != 0) close(routes_[lane.route]);
  return taken.records;
}

/// Queued records of a topic that metadata calls unknown come back failed, and when the topic is
/// there again others would be taken. Whoever knows of the failure does not offer what is behind.
bool KafkaSink::may_have_failed_unseen() const {
  return now_ - drained_ > kUnseenMax && supervisor_.taking()->has_unseen();
}

/// librdkafka would skip it and take what is behind it.
void KafkaSink::refuse_here(Lane lane, LaneState& state, const Record& record) {
  Delivery delivery;
  delivery.lane = lane;
  delivery.owner = record.chunk->owner;
  delivery.outcome = Outcome::refused;
  delivery.code = kMsgSizeTooLarge;
  delivery.range = record.range();
  delivery.records = 1;
  delivery.payload_bytes = record.payload_bytes;
  local_.push_back(delivery);
  state.refusing = true;
  supervisor_.wake().wake();
}

/// Unknown topic or partition, or the instance is lost: poll() finds out which.
void KafkaSink::close(Route& route) {
  route.closed_until = now_ + kClosedUntilAnswer;
  supervisor_.reporting()->watch().look_now();
  supervisor_.wake().wake();
}

std::size_t KafkaSink::outstanding() const {
  const KafkaInstance* instance = supervisor_.reporting();
  return local_.size() + (instance != nullptr ? instance->outstanding() : 0);
}

void KafkaSink::stop() {
  stopped_ = true;
  supervisor_.stop();
}

bool KafkaSink::poll(std::vector<Delivery>& deliveries, std::vector<Notice>& notices) {
  supervisor_.wake().clear();
  now_ = Clock::now();
  take_local(deliveries);
  notices.insert(notices.end(), pending_.begin(), pending_.end());
  pending_.clear();
  bool more = false;
  if (KafkaInstance* instance = supervisor_.reporting()) {
    const std::size_t first = deliveries.size();
    std::vector<KafkaSaying> sayings;
    more = instance->poll(kReportsPerPoll, deliveries, sayings);
    for (std::size_t i = first; i < deliveries.size(); ++i)
      take(deliveries[i], notices);
    for (const KafkaSaying& saying : sayings)
      hear(saying, notices);
    hear_answers(notices);
  }
  if (!more) drained_ = now_;
  look_for_loss(notices);
  move_on(notices);
  set_timer(more);
  return more;
}

void KafkaSink::take_local(std::vector<Delivery>& deliveries) {
  for (const Delivery& delivery : local_)
    find(delivery.lane)->refusing = false;
  deliveries.insert(deliveries.end(), local_.begin(), local_.end());
  local_.clear();
}

void KafkaSink::take(const Delivery& delivery, std::vector<Notice>& notices) {
  LaneState* state = find(delivery.lane);
  assert(state != nullptr);
  state->window.reported(delivery, now_);
  state->waiting_since = now_;
  if (delivery.outcome == Outcome::persisted) {
    success_ = now_;
    supervisor_.note_success();
  }
  notices_.delivery(delivery, routes_[delivery.lane.route].name, notices);
}

void KafkaSink::hear(const KafkaSaying& saying, std::vector<Notice>& notices) {
  if (saying.kind == KafkaSaying::Kind::log) {
    if (settings_.debug) notices.push_back({Notice::Severity::info, 0, saying.text});
    return;
  }
  // The end of the instance: look_for_loss() asks for it.
  if (kafka_outcome(saying.code, false).fault == KafkaFault::fatal) return;
  if (of_the_connection(saying.code)) {
    notices_.connection_error(saying.code, saying.text);
    supervisor_.reporting()->watch().look_now();  // the proof: does anybody answer?
    return;
  }
  notices_.other_error(saying.code, saying.text, notices);
}

void KafkaSink::hear_answers(std::vector<Notice>& notices) {
  std::vector<TopicAnswer> answers;
  supervisor_.reporting()->watch().take_answers(answers);
  for (const TopicAnswer& answer : answers)
    hear(answer, notices);
}

void KafkaSink::hear(const TopicAnswer& answer, std::vector<Notice>& notices) {
  Route& route = routes_[answer.route];
  const bool was_away = notices_.broker_away();
  notices_.topic_answer(answer, route.name, notices);
  if (notices_.broker_away() && !was_away) away_since_ = now_;
  if (answer.code != 0) return;
  if (route.closed_until > now_) route.closed_until = now_ + kClosedTime;
  route.partitions = answer.partitions;
  const auto count = static_cast<std::size_t>(answer.partitions);
  if (count <= route.lanes.size()) return;
  lanes_ += count - route.lanes.size();
  // Lanes never go away: reports may come for a partition that exists no more.
  const LaneState fresh({settings_.batch_bytes, settings_.batch_records});
  route.lanes.resize(count, fresh);
}

void KafkaSink::look_for_loss(std::vector<Notice>& notices) {
  const KafkaInstance* instance = supervisor_.taking();
  if (instance == nullptr) return;
  if (const auto fatal = instance->fatal()) return condemn(fatal->code, fatal->text, notices);
  if (std::exchange(lose_requested_, false)) return condemn(kFatal, "asked for", notices);
  if (now_ < check_at_) return;
  check_at_ = now_ + limits_.stuck_max / 8;
  if (notices_.broker_away() && now_ - away_since_ > limits_.away_max) {
    away_since_ = now_;
    return condemn(kAllBrokersDown, "no broker for long, perhaps their addresses changed", notices);
  }
  if (const std::string stuck = find_stuck(); !stuck.empty()) {
    condemn(kMsgTimedOut, stuck, notices);
  }
}

/// librdkafka can stay with the wrong leader (#4976). A partition is stuck only if others go on.
std::string KafkaSink::find_stuck() const {
  for (const Route& route : routes_) {
    for (std::size_t i = 0; i < route.lanes.size(); ++i) {
      const LaneState& lane = route.lanes[i];
      if (lane.window.records() == 0 || now_ - lane.waiting_since < limits_.stuck_max) continue;
      if (success_ - lane.waiting_since < limits_.stuck_max / 2) continue;
      return "no report from partition " + std::to_string(i) + " of topic '" + route.name + "'";
    }
  }
  return "";
}

void KafkaSink::condemn(std::int32_t code, const std::string& why, std::vector<Notice>& notices) {
  notices_.lost(code, why, supervisor_.condemn(now_), now_, notices);
}

void KafkaSink::move_on(std::vector<Notice>& notices) {
  if (supervisor_.advance(now_)) {
    for (Route& route : routes_) {
      route.closed_until = {};
      for (LaneState& lane : route.lanes)
        lane.window.reopen();
    }
  }
  const std::string& failure = supervisor_.start_failure();
  if (failure != start_failure_told_ && !failure.empty()) {
    notices.push_back({Notice::Severity::error, 0, "no new Kafka client: " + failure});
  }
  start_failure_told_ = failure;
}

void KafkaSink::set_timer(bool more) {
  auto due = supervisor_.due();
  const auto also = [&due](Time when) { due = due ? std::min(*due, when) : when; };
  if (supervisor_.taking() != nullptr) also(check_at_);
  for (const Route& route : routes_) {
    if (route.closed_until > now_ && route.closed_until < now_ + kClosedUntilAnswer / 2) {
      also(route.closed_until);
    }
  }
  supervisor_.wake().wake_at(due);
  if (more) supervisor_.wake().wake();
}

}  // namespace punchline
