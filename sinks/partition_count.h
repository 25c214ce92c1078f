#pragma once

#include <chrono>
#include <cstdint>
#include <optional>

namespace punchline {

/// How many partitions a topic has, from what brokers answer. Kafka takes none away (KIP-195:
/// CreatePartitions only adds): fewer are told by a broker that has not heard yet of those that
/// were added, or once the topic was made anew under its name. So a smaller number counts only
/// after it was told for kFewerMin; else keys would go to other partitions, and back. Pure. One
/// thread.
class PartitionCount {
 public:
  using Time = std::chrono::steady_clock::time_point;
  static constexpr std::chrono::seconds kFewerMin{10};
  /// How often a broker should be asked again while fewer are told.
  static constexpr std::chrono::seconds kAskEach{1};

  /// A broker's answer, at least 1. True where it begins to tell of fewer than are known.
  bool learn(std::int32_t told, Time now);

  /// 0 while none is known.
  std::int32_t count() const { return count_; }
  /// Those that take records: librdkafka may know no more than were told last.
  std::int32_t open() const { return told_ < count_ ? told_ : count_; }
  std::int32_t told() const { return told_; }

  /// Whether it is time to ask again; then due() is later.
  bool take_due(Time now);
  /// When take_due() has to be asked next, if nothing else happens.
  std::optional<Time> due() const;

 private:
  std::int32_t count_ = 0;
  std::int32_t told_ = 0;
  std::optional<Time> fewer_since_;
  Time ask_at_{};
};

}  // namespace punchline
