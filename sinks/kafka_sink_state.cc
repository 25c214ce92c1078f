// The part of KafkaSink that reports how brokers and topics are.

#include <algorithm>
#include <utility>

#include "sinks/kafka_sink.h"

namespace punchline {
namespace {

constexpr std::chrono::seconds kStallLook{1};
constexpr std::chrono::seconds kAskAfter{3};

}  // namespace

/// Takes what brokers have answered, and for how long they have throttled us.
void KafkaSink::hear_brokers() {
  for (KafkaSupervisor* client : {&main_, &side_}) {
    KafkaInstance* instance = client->reporting();
    if (instance == nullptr) continue;
    const auto heard = instance->take_heard();
    if (!heard.empty()) silence_.heard(now_);
    stalls_.heard(std::vector(heard.begin(), heard.end()), now_);
    for (const auto& [broker, wait] : instance->take_throttles()) {
      silence_.throttled(now_ + wait);
      stalls_.throttled(broker, wait, now_);
    }
  }
}

void KafkaSink::hear_nobody(const TopicAnswer& answer, std::vector<Notice>& notices) {
  if (!notices_.broker_away()) away_since_ = now_;
  notices_.topic_answer(answer, routes_[answer.route].name, notices);
}

/// If records have waited for long, the brokers are asked. If none answers then, that is reported
/// instead.
void KafkaSink::look_for_stalls(std::vector<Notice>& notices) {
  if (now_ < stalls_due_) return;
  stalls_due_ = now_ + kStallLook;
  std::vector<KafkaStalls::Waiting> waiting;
  bool ask = false;
  for (RouteId route = 0; route < routes_.size(); ++route) {
    const auto& lanes = routes_[route].lanes;
    for (std::size_t i = 0; i < lanes.size(); ++i) {
      if (lanes[i].window.records() == 0) continue;
      const Lane lane{route, static_cast<std::int32_t>(i)};
      waiting.push_back({lane, routes_[route].name, lanes[i].place, lanes[i].waiting_since,
                         lanes[i].former});
      ask = ask || now_ - lanes[i].waiting_since >= kAskAfter;
    }
  }
  if (KafkaInstance* main = main_.reporting(); ask && main != nullptr) main->watch().look_now();
  if (ask) stalls_.seen(peers());
  if (notices_.broker_away()) {
    waiting.clear();
    stalls_.nobody_answers(now_);
  }
  stalls_.look(waiting, now_, notices);
}

std::vector<KafkaPeer> KafkaSink::peers() const {
  std::vector<KafkaPeer> peers;
  for (const KafkaSupervisor* client : {&side_, &main_}) {
    const KafkaInstance* instance = client->reporting();
    if (instance == nullptr) continue;
    const auto seen = instance->peers();
    peers.insert(peers.end(), seen.begin(), seen.end());
  }
  return peers;
}

std::vector<TopicState> KafkaSink::topics() const {
  std::vector<TopicState> topics;
  for (RouteId id = 0; id < routes_.size(); ++id) {
    const Route& route = routes_[id];
    TopicState topic{route.name, notices_.is_missing(id), route.partitions.count(), 0, 0};
    for (const LaneState& lane : route.lanes) {
      if (lane.place.leader < 0) ++topic.without_leader;
      const bool waits = lane.window.records() != 0;
      if (waits && now_ - lane.waiting_since >= KafkaStalls::kSilentMin) ++topic.without_progress;
    }
    topics.push_back(std::move(topic));
  }
  return topics;
}

std::string KafkaSink::trouble() const {
  const std::string& failure = main_.start_failure();
  if (!failure.empty()) return "no Kafka client can be made: " + failure;
  return notices_.broker_away() ? notices_.trouble() : stalls_.trouble();
}

}  // namespace punchline
