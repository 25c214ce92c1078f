#pragma once

#include <cstdint>
#include <string>

#include "agent/core/config.h"
#include "agent/core/lanes.h"
#include "agent/core/log.h"
#include "buffer/base/clock.h"
#include "sinks/sink.h"

namespace punchline {

/// Watches for partitions that have records in flight and hear nothing of them. One thread.
class Silence {
 public:
  static constexpr Duration kSilentMax = std::chrono::seconds(5);
  static constexpr std::chrono::seconds kToldAfter{30};

  /// All must outlive it. `path` names the buffer in the log.
  Silence(const Sink& sink, const Lanes& lanes, const std::string& path, Log& log)
      : sink_(sink), lanes_(lanes), path_(path), log_(log) {}

  /// How many partitions have been silent for kSilentMax.
  std::size_t partitions(TimePoint now) const { return lanes_.silent_since(now - kSilentMax); }
  /// Nothing goes out, neither new records nor those of lanes that lag.
  bool is_stuck(Order order, TimePoint now) const;
  /// Logs a silence once, after kToldAfter in which the sink has found no reason for it.
  /// `waiting_bytes` of the buffer wait.
  void tell(std::uint64_t waiting_bytes, TimePoint now);

 private:
  const Sink& sink_;
  const Lanes& lanes_;
  const std::string& path_;
  Log& log_;
  bool is_told_ = false;
  TimePoint trouble_seen_{};  // when the sink last had a trouble during this silence
};

}  // namespace punchline
