#include "buffer/base/backoff.h"

#include <algorithm>

namespace punchline {

Backoff::Millis Backoff::next() {
  auto delay = first_;
  for (std::uint32_t i = 0; i < failures_ && delay < most_; ++i)
    delay *= 2;
  delay = std::min(delay, most_);
  ++failures_;
  noise_ ^= noise_ << 13;  // xorshift32 (Marsaglia 2003), good enough for jitter
  noise_ ^= noise_ >> 17;
  noise_ ^= noise_ << 5;
  const auto half = delay / 2;
  return delay - half + half * (noise_ % 1024) / 1023;
}

}  // namespace punchline
