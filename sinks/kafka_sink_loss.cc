// The part of KafkaSink that gives up clients, and goes over to new ones.

#include <algorithm>
#include <utility>

#include "sinks/kafka_codes.h"
#include "sinks/kafka_sink.h"

namespace punchline {

using namespace kafka_codes;

namespace {

std::string log_set_back(const std::string& topic, std::int32_t partition, std::int64_t from,
                         std::int64_t to) {
  return "topic '" + topic + "' partition " + std::to_string(partition) +
         ": its log was set back (the topic made anew, a broker restored from a copy, or a leader "
         "that lacks records): offsets " +
         std::to_string(from) + " to " + std::to_string(to) +
         ", which were confirmed, are gone or hold other records; what waits is sent";
}

}  // namespace

void KafkaSink::look_for_loss(std::vector<Notice>& notices) {
  for (KafkaSupervisor* client : {&side_, &main_}) {
    if (!look_for_fatal(*client, notices)) look_for_cut(*client, notices);
  }
  if (main_.taking() == nullptr) return;
  if (std::exchange(lose_requested_, false)) return condemn(main_, kFatal, "asked for", notices);
  if (notices_.denied() && now_ >= away_since_ + limits_.denied_max) return renew_denied();
  if (notices_.broker_away() && std::exchange(lacks_threads_, false)) {
    // librdkafka starts threads for the brokers it was given only once, when a client is made.
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

/// Certificates and passwords are read when a client is made, so that new ones help without a
/// restart. That we are denied has been reported already.
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

void KafkaSink::ask_addresses() {
  auto properties = settings_.properties;
  if (settings_.credentials) {
    for (const auto& [name, value] : settings_.credentials())
      properties.insert_or_assign(name, value);
  }
  addresses_.ask(properties);
}

void KafkaSink::learn_cluster(std::vector<Notice>& notices) {
  const KafkaInstance* main = main_.reporting();
  std::string id = main != nullptr ? main->cluster() : "";
  if (id.empty() || id == cluster_) return;
  if (!cluster_.empty()) {
    notices.push_back({Notice::Severity::error, kInconsistentClusterId,
                       "another cluster answers: its cluster id is " + id + ", before it was " +
                           cluster_ + "; what was confirmed until now is there, what waits goes to " +
                           "the new one"});
    for (Route& route : routes_) {
      for (LaneState& lane : route.lanes)
        lane.mark.forget();
    }
  }
  cluster_ = std::move(id);
}

/// True if a report counts, by the last offset that was confirmed.
bool KafkaSink::counts(const Delivery& delivery, LaneState& state, std::vector<Notice>& notices) {
  if (delivery.offset <= state.mark.confirmed()) learn_cluster(notices);  // its log is another one
  switch (state.mark.hear(delivery.offset, delivery.records)) {
    case LogMark::Word::counts:
      return true;
    case LogMark::Word::shows_loss:
      tell_set_back(delivery.lane, delivery.offset, state, notices);
      client_of(state).condemn(now_, true);
      return false;
    case LogMark::Word::in_doubt:
      return false;
  }
  return false;
}

void KafkaSink::tell_set_back(Lane lane, std::int64_t from, LaneState& state,
                              std::vector<Notice>& notices) {
  notices.push_back({Notice::Severity::error, kOffsetOutOfRange,
                     log_set_back(routes_[lane.route].name, lane.partition, from,
                                  state.mark.confirmed())});
  lost_offsets_ += static_cast<std::uint64_t>(state.mark.confirmed() - from + 1);
  state.mark.forget();
}

/// Asks where the logs end. While a client lasts, its reports show a log that was set back. A new
/// client may be there because a cluster was away.
void KafkaSink::look_at_ends() {
  std::vector<LogEnd> logs;
  for (RouteId route = 0; route < routes_.size(); ++route) {
    const auto& lanes = routes_[route].lanes;
    for (std::size_t i = 0; i < lanes.size(); ++i) {
      const auto confirmed = lanes[i].mark.confirmed();
      if (confirmed >= 0) logs.push_back({route, static_cast<std::int32_t>(i), confirmed, -1});
    }
  }
  if (!logs.empty()) main_.reporting()->watch().look_at_ends(std::move(logs));
}

void KafkaSink::hear_ends(std::vector<Notice>& notices) {
  KafkaInstance* main = main_.reporting();
  if (main == nullptr) return;
  for (const LogEnd& log : main->watch().take_set_back()) {
    const Lane lane{log.route, log.partition};
    LaneState& state = *find(lane);
    // Otherwise the reports have shown it already, or it is another cluster's.
    if (state.mark.confirmed() == log.confirmed) tell_set_back(lane, log.end, state, notices);
  }
}

/// Brokers close connections that are idle. If the client has nothing under way, that is not
/// reported, and a new client is made when it is needed.
void KafkaSink::look_for_cut(KafkaSupervisor& client, std::vector<Notice>& notices) {
  const KafkaInstance* instance = client.taking();
  if (instance == nullptr || !instance->cut()) return;
  if (instance->outstanding() != 0) {
    return condemn(client, kTransport,
                   "all connections were lost; what was not answered may arrive twice", notices);
  }
  if (instance->missed()) client.condemn(now_, true);
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

/// A lane is stuck only if others go on.
bool KafkaSink::is_stuck(const LaneState& lane) const {
  return lane.window.records() != 0 && now_ - lane.waiting_since >= limits_.stuck_max &&
         success_ - lane.waiting_since >= limits_.stuck_max / 2;
}

void KafkaSink::condemn(KafkaSupervisor& client, std::int32_t code, const std::string& why,
                        std::vector<Notice>& notices) {
  if (client.taking() == nullptr) return;
  const bool expected = code == kGaplessGuarantee;
  const auto delay = client.condemn(now_, expected);
  // On the side client it is only the way to find the record that is refused.
  if (&client == &main_ || !expected) notices_.lost(code, why, delay, now_, notices);
}

/// The lanes of the side client, or of the main one, have another client now.
void KafkaSink::lose_lanes(bool aside, std::vector<Delivery>& deliveries) {
  for (RouteId id = 0; id < routes_.size(); ++id) {
    Route& route = routes_[id];
    if (!aside) route.closed_until = {};
    for (std::size_t partition = 0; partition < route.lanes.size(); ++partition) {
      LaneState& lane = route.lanes[partition];
      if (lane.aside != aside) continue;
      lane.mark.renew();
      lane.former = -1;
      if (lane.window.records() != 0) {
        deliveries.push_back(lost({id, static_cast<std::int32_t>(partition)}));
      }
      lane.window.reopen();
      choose_client(lane);
    }
  }
}

void KafkaSink::look_at_trial(std::vector<Notice>& notices) {
  if (!wanted_) return;
  if (!main_.trying()) {
    settings_ = *std::exchange(wanted_, std::nullopt);
    side_.renew(without_linger(settings_), now_);
    ask_addresses();
    notices.push_back({Notice::Severity::info, 0, "the connection to Kafka is made anew"});
    return;
  }
  const std::string failure = main_.trial_failure();
  if (failure.empty() || failure == std::exchange(trial_failure_told_, failure)) return;
  const bool goes_on = main_.taking() != nullptr && !notices_.broker_away();
  notices.push_back({Notice::Severity::error, 0,
                     "no new connection to Kafka yet: " + failure + "; the one before " +
                         (goes_on ? "goes on" : "is of no use either") +
                         ", trying again each few seconds"});
}

void KafkaSink::move_on(std::vector<Delivery>& deliveries, std::vector<Notice>& notices) {
  const KafkaInstance* before = main_.reporting();
  if (main_.advance(now_)) lose_lanes(false, deliveries);
  look_at_trial(notices);
  if (main_.reporting() != nullptr && main_.reporting() != before) look_at_ends();
  side_.want(std::any_of(routes_.begin(), routes_.end(), [](const Route& route) {
    return std::any_of(route.lanes.begin(), route.lanes.end(),
                       [](const LaneState& lane) { return lane.aside; });
  }));
  if (side_.advance(now_)) lose_lanes(true, deliveries);
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
