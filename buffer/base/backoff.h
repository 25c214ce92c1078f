#pragma once

#include <chrono>
#include <cstdint>

namespace punchline {

/// Delays that double with each failure. Jitter keeps many agents from coming back at once; `seed`
/// decides it. A value.
class Backoff {
 public:
  using Millis = std::chrono::milliseconds;

  Backoff(Millis first, Millis most, std::uint32_t seed)
      : first_(first), most_(most), noise_(seed | 1) {}

  /// The delay before the next try: from half to all of first * 2^failures, at most `most`.
  Millis next();
  void reset() { failures_ = 0; }

 private:
  Millis first_;
  Millis most_;
  std::uint32_t noise_;
  std::uint32_t failures_ = 0;
};

}  // namespace punchline
