#pragma once

#include <chrono>
#include <cstdint>

namespace punchline {

/// The agent's only clock. Code that decides is handed the time and never asks for it.
using TimePoint = std::chrono::steady_clock::time_point;
using Duration = std::chrono::steady_clock::duration;

/// Milliseconds since the clock's epoch, for figures that other threads compare.
inline std::uint64_t milliseconds_of(TimePoint at) {
  return static_cast<std::uint64_t>(
      std::chrono::duration_cast<std::chrono::milliseconds>(at.time_since_epoch()).count());
}

}  // namespace punchline
