#pragma once

#include <cstdint>

#include "buffer/base/clock.h"

namespace punchline {

/// Lets through so many bytes a second: when what has been saved up is used it closes, until there
/// is enough for a twentieth of a second again. At most a tenth of a second's is saved up. Pure.
/// One thread.
class RateLimit {
 public:
  /// 0: no limit.
  explicit RateLimit(std::uint64_t bytes_per_second)
      : per_second_(static_cast<double>(bytes_per_second)), left_(burst()) {}

  /// There is one.
  bool is_limit() const { return per_second_ > 0; }
  bool is_open(TimePoint now);
  /// What may be offered; 0 once it has closed.
  std::uint64_t left() const;
  /// May be more than left(): one record always fits.
  void take(std::uint64_t bytes);
  /// When it opens again; TimePoint::max() while it is open.
  TimePoint due() const;

 private:
  double burst() const { return per_second_ / 10; }

  double per_second_;
  double left_;
  TimePoint at_{};  // left_ is of then
  bool open_ = true;
};

}  // namespace punchline
