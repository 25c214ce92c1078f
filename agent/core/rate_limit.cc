#include "agent/core/rate_limit.h"

#include <algorithm>
#include <limits>

namespace punchline {

bool RateLimit::is_open(TimePoint now) {
  if (per_second_ == 0) return true;
  const std::chrono::duration<double> passed = now - at_;
  at_ = now;
  left_ = std::min(left_ + passed.count() * per_second_, burst());
  open_ = open_ || left_ >= burst() / 2;
  return open_;
}

std::uint64_t RateLimit::left() const {
  if (per_second_ == 0) return std::numeric_limits<std::uint64_t>::max();
  return open_ ? std::max<std::uint64_t>(static_cast<std::uint64_t>(left_), 1) : 0;
}

void RateLimit::take(std::uint64_t bytes) {
  if (per_second_ == 0) return;
  left_ -= static_cast<double>(bytes);
  open_ = open_ && left_ > 0;
}

TimePoint RateLimit::due() const {
  if (open_) return TimePoint::max();
  const std::chrono::duration<double> missing((burst() / 2 - left_) / per_second_);
  return at_ + std::chrono::duration_cast<Duration>(missing) + std::chrono::milliseconds(1);
}

}  // namespace punchline
