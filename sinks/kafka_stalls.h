#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "sinks/kafka_notices.h"
#include "sinks/kafka_peers.h"
#include "sinks/sink.h"

namespace punchline {

/// What an error of librdkafka's says, without the name of the broker before it and without the
/// "(after 0ms in state CONNECT, ...)" behind it. Pure.
std::string_view reason_in(std::string_view text);

/// Says which broker or partition keeps records waiting while others answer, and why, a quota
/// included: one sentence when that begins, one when it is over. That nobody answers at all
/// KafkaNotices tells. Pure. One thread.
///
/// What matters is only a broker that leads a partition with records in flight: librdkafka connects
/// to no other, and brokers close what is idle.
class KafkaStalls {
 public:
  using Time = std::chrono::steady_clock::time_point;
  /// Records wait for so long: a broker that cannot be reached, or a missing leader, is told ...
  static constexpr std::chrono::seconds kFailedMin{2};
  /// ... and one that was reached, and does not answer or confirm.
  static constexpr std::chrono::seconds kSilentMin{5};
  /// Of those that begin, end or last at once so many are named, the others counted.
  static constexpr std::size_t kToldMax = 5;
  /// A quota's delay is told from so much on ...
  static constexpr std::chrono::milliseconds kThrottleMin{100};
  /// ... and is over when none was in force for so long: brokers look at the mean of about eleven
  /// seconds (quota.window.num, quota.window.size.seconds).
  static constexpr std::chrono::seconds kThrottleOver{10};

  /// An error of librdkafka's; of a connection where it begins with a broker: "host:port/id: ...".
  void failed(std::string_view text);
  /// These have answered a request.
  void heard(std::span<const std::int32_t> brokers, Time now);
  /// It lets us wait before it reads on.
  void throttled(std::int32_t broker, std::chrono::milliseconds wait, Time now);
  /// How far connections have come. (Of those that talk nothing need be said.)
  void seen(std::span<const KafkaPeer> peers);
  /// What the cluster says of its brokers.
  void learn(std::span<const KafkaBroker> brokers);
  /// A record of this lane is persisted.
  void arrived(Lane lane);

  /// Nobody answers now: this time counts against none of them.
  void nobody_answers(Time now) { answered_from_ = now; }

  /// A lane with records in flight.
  struct Waiting {
    Lane lane;
    std::string_view topic;
    KafkaPlace place;
    Time since{};  ///< Of its last report, or when it began to have something in flight.
    std::int32_t former = -1;  ///< Led it when that was sent, and does no more.
  };
  /// To be called each second or so, with all of them.
  void look(std::span<const Waiting> waiting, Time now, std::vector<Notice>& notices);

  /// What is told and lasts; "" for nothing.
  std::string trouble() const;
  /// Those of the cluster, by id.
  std::vector<BrokerState> brokers() const;
  /// When look() has to be called even if nothing is in flight: some delay may be over.
  std::optional<Time> due() const;

 private:
  struct Broker {
    std::string address;  // as advertised; "" where metadata has not named it
    std::string failure;  // of a connection, since it last answered
    std::string silence;  // of a connection, as seen last
    Time throttled_until{};
    std::chrono::milliseconds throttle{0};  // the longest of this episode; 0: there is none
    bool throttle_told = false;
    Time heard{};
    std::string trouble;  // told
    bool back = false;    // it has answered since
    Time back_at{};
  };
  struct Stall {
    std::string text;
    std::string name;
    bool over = false;
  };

  void look(const Waiting& waiting, Time now, std::vector<Notice>& notices);
  void blame(std::int32_t id, const Waiting& waiting, Time now, std::vector<Notice>& notices);
  void tell_ends(Time now, std::vector<Notice>& notices);
  void look_at_throttle(std::int32_t id, Broker& broker, Time now, std::vector<Notice>& notices);
  std::string name_of(std::int32_t id) const;

  Time answered_from_{};
  std::map<std::int32_t, Broker> brokers_;
  std::map<Lane, Stall> stalls_;  // of partitions whose leader is not to blame
};

}  // namespace punchline
