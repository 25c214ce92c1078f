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

/// The reason in one of librdkafka's error texts, without the name of the broker before it and
/// without the "(after 0ms in state CONNECT, ...)" after it. Pure.
std::string_view reason_in(std::string_view text);

/// Reports which broker or partition keeps records waiting while others answer, and why; the reason
/// can be a quota. One sentence when that begins, one when it is over. KafkaNotices reports that
/// nobody answers at all. Pure. One thread.
///
/// Only a broker that leads a partition with records in flight matters: librdkafka connects to no
/// others, and brokers close idle connections.
class KafkaStalls {
 public:
  using Time = std::chrono::steady_clock::time_point;
  /// After records have waited this long, an unreachable broker or a missing leader is reported ...
  static constexpr std::chrono::seconds kFailedMin{2};
  /// ... and after this long, a broker that was reached and does not answer or confirm.
  static constexpr std::chrono::seconds kSilentMin{5};
  /// If more begin, end or last at once, this many are named and the others are counted.
  static constexpr std::size_t kToldMax = 5;
  /// A quota's delay is reported from this much on ...
  static constexpr std::chrono::milliseconds kThrottleMin{100};
  /// ... and is over when none was in force for this long. Brokers look at the mean of about eleven
  /// seconds (quota.window.num, quota.window.size.seconds).
  static constexpr std::chrono::seconds kThrottleOver{10};

  /// librdkafka has reported an error. It is one of a connection if the text begins with a broker:
  /// "host:port/id: ...".
  void failed(std::string_view text);
  /// These brokers have answered a request.
  void heard(std::span<const std::int32_t> brokers, Time now);
  /// The broker makes us wait before it reads on.
  void throttled(std::int32_t broker, std::chrono::milliseconds wait, Time now);
  /// How far connections have come. (Those that talk need not be among them.)
  void seen(std::span<const KafkaPeer> peers);
  /// The brokers as the cluster names them.
  void learn(std::span<const KafkaBroker> brokers);
  /// A record of this lane is persisted.
  void arrived(Lane lane);

  /// Nobody answers now. The time up to `now` is not held against any single broker.
  void nobody_answers(Time now) { answered_from_ = now; }

  /// A lane with records in flight.
  struct Waiting {
    Lane lane;
    std::string_view topic;
    KafkaPlace place;
    Time since{};  ///< The time of its last report, or when it began to have records in flight.
    std::int32_t former = -1;  ///< The leader when these were sent, if another leads now; or -1.
  };
  /// Call it about once a second, with all such lanes.
  void look(std::span<const Waiting> waiting, Time now, std::vector<Notice>& notices);

  /// All that was reported and lasts; "" if there is nothing.
  std::string trouble() const;
  /// The brokers of the cluster, by id.
  std::vector<BrokerState> brokers() const;
  /// When look() has to be called even if nothing is in flight: a quota's delay may be over.
  std::optional<Time> due() const;

 private:
  struct Broker {
    std::string address;  // as advertised; "" if metadata has not named it
    std::string failure;  // of a connection, since it last answered
    std::string silence;  // of a connection, as seen last
    Time throttled_until{};
    std::chrono::milliseconds throttle{0};  // the longest of this episode; 0: there is none
    bool throttle_told = false;
    Time heard{};
    std::string trouble;  // as reported
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
