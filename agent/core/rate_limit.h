#pragma once

#include <cstdint>

#include "buffer/base/clock.h"

namespace punchline {

/// A token bucket for so many bytes a second. It saves up at most the allowance of a tenth of a
/// second. When that is used up it closes, until it has the allowance of a twentieth of a second
/// again. Pure. One thread.
class RateLimit {
 public:
  /// 0: no limit.
  explicit RateLimit(std::uint64_t bytes_per_second)
      : per_second_(static_cast<double>(bytes_per_second)), left_(burst()) {}

  /// There is a limit.
  bool is_limit() const { return per_second_ > 0; }
  bool is_open(TimePoint now);
  /// How many bytes may be offered; 0 once it has closed.
  std::uint64_t left() const;
  /// `bytes` can be more than left(): one record always fits.
  void take(std::uint64_t bytes);
  /// When it opens again; TimePoint::max() while it is open.
  TimePoint due() const;

 private:
  double burst() const { return per_second_ / 10; }

  double per_second_;
  double left_;
  TimePoint at_{};  // the time that left_ is for
  bool open_ = true;
};

}  // namespace punchline
