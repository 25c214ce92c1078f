#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "agent/core/config.h"
#include "agent/core/log.h"
#include "agent/core/metrics.h"
#include "buffer/base/clock.h"
#include "sinks/sink.h"

namespace punchline {

/// "the clock says ..., which cannot be: ..." with what becomes of records meanwhile. Empty if the
/// clock, in ms since the epoch, can be right. Pure.
std::optional<std::string> clock_trouble(std::int64_t ms, WrongClock policy);

/// Decides what becomes of records while the machine's clock cannot be right (wall_time.h). On a
/// board without a battery the clock begins at 1970, until NTP sets it. Kafka deletes by the times
/// of records, so a record of 1970 may be gone as soon as it is there.
///
/// Logs when such a time begins and when it is over. Pure: it is handed the time. One thread.
class WallClock {
 public:
  static constexpr std::chrono::seconds kLookDelay{1};

  /// Both must outlive it.
  WallClock(WrongClock policy, Metrics& metrics, Log& log)
      : policy_(policy), metrics_(metrics), log_(log) {}

  /// Call before records are offered, with the time of the clock in ms since the epoch.
  void look(std::int64_t ms);

  /// Nothing is to be sent.
  bool holds() const { return is_wrong_ && policy_ == WrongClock::wait; }
  TimeOf time_of() const {
    return is_wrong_ && policy_ == WrongClock::broker ? TimeOf::destination : TimeOf::sender;
  }
  /// When to look again; TimePoint::max(): not before the next records.
  TimePoint due(TimePoint now) const { return is_wrong_ ? now + kLookDelay : TimePoint::max(); }

 private:
  const WrongClock policy_;
  Metrics& metrics_;
  Log& log_;
  bool is_wrong_ = false;
};

}  // namespace punchline
