// The part of KafkaSink that gives up clients, and goes over to new ones.

#include <algorithm>
#include <utility>

#include "sinks/kafka_codes.h"
#include "sinks/kafka_sink.h"

namespace punchline {

using namespace kafka_codes;

void KafkaSink::look_for_loss(std::vector<Notice>& notices) {
  look_for_fatal(side_, notices);
  if (look_for_fatal(main_, notices) || main_.taking() == nullptr) return;
  if (std::exchange(lose_requested_, false)) return condemn(main_, kFatal, "asked for", notices);
  if (notices_.denied() && now_ >= away_since_ + limits_.denied_max) return renew_denied();
  if (notices_.broker_away() && std::exchange(lacks_threads_, false)) {
    // For the brokers it was given librdkafka starts threads only once, when a client is made.
    return condemn_both(kNoResource, "no thread for a broker could be started", notices);
  }
  if (now_ < check_at_) return;
  check_at_ = now_ + limits_.stuck_max / 8;
  if (notices_.broker_away() && now_ - away_since_ > limits_.away_max) {
    away_since_ = now_;
    return condemn_both(kAllBrokersDown, "no broker for long, perhaps their addresses changed",
                        notices);
  }
  look_for_stuck(notices);
}

void KafkaSink::condemn_both(std::int32_t code, const std::string& why,
                             std::vector<Notice>& notices) {
  condemn(side_, code, why, notices);
  condemn(main_, code, why, notices);
}

/// Certificates and passwords are read when a client is made: new ones are to help without a
/// restart. That we are denied has been told.
void KafkaSink::renew_denied() {
  away_since_ = now_;
  for (KafkaSupervisor* client : {&side_, &main_}) {
    if (client->taking() != nullptr) client->condemn(now_, true);
  }
}

bool KafkaSink::look_for_fatal(KafkaSupervisor& client, std::vector<Notice>& notices) {
  const KafkaInstance* instance = client.taking();
  const auto fatal = instance != nullptr ? instance->fatal() : std::nullopt;
  if (fatal) condemn(client, fatal->code, fatal->text, notices);
  return fatal.has_value();
}

/// librdkafka can stay with the wrong leader (#4976).
void KafkaSink::look_for_stuck(std::vector<Notice>& notices) {
  for (const Route& route : routes_) {
    const auto stuck = std::find_if(route.lanes.begin(), route.lanes.end(),
                                    [this](const LaneState& lane) { return is_stuck(lane); });
    if (stuck == route.lanes.end()) continue;
    return condemn(client_of(*stuck), kMsgTimedOut,
                   "no report from partition " + std::to_string(stuck - route.lanes.begin()) +
                       " of topic '" + route.name + "'",
                   notices);
  }
}

/// Only if others go on.
bool KafkaSink::is_stuck(const LaneState& lane) const {
  return lane.window.records() != 0 && now_ - lane.waiting_since >= limits_.stuck_max &&
         success_ - lane.waiting_since >= limits_.stuck_max / 2;
}

void KafkaSink::condemn(KafkaSupervisor& client, std::int32_t code, const std::string& why,
                        std::vector<Notice>& notices) {
  if (client.taking() == nullptr) return;
  const bool expected = code == kGaplessGuarantee;
  const auto delay = client.condemn(now_, expected);
  // On the side it is only the way to find what is refused.
  if (&client == &main_ || !expected) notices_.lost(code, why, delay, now_, notices);
}

/// The client of these lanes is another one now.
void KafkaSink::lose_lanes(bool aside) {
  for (Route& route : routes_) {
    if (!aside) route.closed_until = {};
    for (LaneState& lane : route.lanes) {
      if (lane.aside != aside) continue;
      if (lane.window.records() != 0) ++lane.epoch;
      lane.window.reopen();
      choose_client(lane);
    }
  }
}

void KafkaSink::move_on(std::vector<Notice>& notices) {
  if (main_.advance(now_)) lose_lanes(false);
  side_.want(std::any_of(routes_.begin(), routes_.end(), [](const Route& route) {
    return std::any_of(route.lanes.begin(), route.lanes.end(),
                       [](const LaneState& lane) { return lane.aside; });
  }));
  if (side_.advance(now_)) lose_lanes(true);
  const std::string& failure =
      main_.start_failure().empty() ? side_.start_failure() : main_.start_failure();
  if (failure != start_failure_told_ && !failure.empty()) {
    notices.push_back({Notice::Severity::error, 0,
                       "no new Kafka client: " + failure + "; trying again each " +
                           std::to_string(KafkaSupervisor::kDelayMax.count() / 1000) + " s"});
  }
  start_failure_told_ = failure;
}

}  // namespace punchline
