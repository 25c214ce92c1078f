#pragma once

#include <chrono>
#include <cstdint>
#include <optional>

namespace punchline {

/// The number of partitions of a topic, from the answers of brokers. Kafka never removes a
/// partition (KIP-195: CreatePartitions only adds). A smaller number comes from a broker that has
/// not yet heard of added partitions, or from a topic that was made anew under its name. So a
/// smaller number counts only after brokers have answered with it for kFewerMin; otherwise keys
/// would go to other partitions, and back. Pure. One thread.
class PartitionCount {
 public:
  using Time = std::chrono::steady_clock::time_point;
  static constexpr std::chrono::seconds kFewerMin{10};
  /// How often a broker should be asked again while answers have a smaller number.
  static constexpr std::chrono::seconds kAskEach{1};

  /// `told`: a broker's answer, at least 1. True if it is the first that is smaller than count().
  bool learn(std::int32_t told, Time now);

  /// 0 while none is known.
  std::int32_t count() const { return count_; }
  /// The partitions that take records: librdkafka may know no more than the last answer had.
  std::int32_t open() const { return told_ < count_ ? told_ : count_; }
  std::int32_t told() const { return told_; }

  /// Whether it is time to ask again. If so, due() moves on.
  bool take_due(Time now);
  /// When take_due() has to be called next, if nothing else happens.
  std::optional<Time> due() const;

 private:
  std::int32_t count_ = 0;
  std::int32_t told_ = 0;
  std::optional<Time> fewer_since_;
  Time ask_at_{};
};

}  // namespace punchline
