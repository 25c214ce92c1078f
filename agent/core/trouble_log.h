#pragma once

#include <optional>
#include <string>
#include <vector>

#include "agent/core/log.h"
#include "agent/core/trouble.h"
#include "buffer/base/clock.h"

namespace punchline {

/// Logs each trouble of a buffer when it begins, and when it is over: when it has not been met
/// again for longer than its next try takes. There can be several at once. Bounded memory. One
/// thread.
class TroubleLog {
 public:
  static constexpr std::size_t kTroublesMax = 8;  ///< Remembered; then the oldest is forgotten.
  static constexpr Duration kOverDelay = std::chrono::seconds(4);  ///< After its next try.

  /// `log` must outlive it. `path` is the buffer's.
  TroubleLog(Log& log, std::string path) : log_(log), path_(std::move(path)) {}

  /// The trouble was met, for the first time or again.
  void met(const Trouble& trouble, TimePoint now);
  /// To be called often.
  void tell_of_ends(TimePoint now);

 private:
  struct Open {
    std::string text;
    std::optional<Duration> retry;
    TimePoint met;
  };
  Log& log_;
  std::string path_;
  std::vector<Open> open_;
};

}  // namespace punchline
