#pragma once

#include <cstdint>
#include <string>

namespace punchline {

/// 2026-01-01T00:00:00Z, in ms since the epoch. This program is younger, so a wall clock with an
/// earlier time has not been set since the machine was switched on. It is a constant, since the
/// time of the build would make two builds of one source differ.
inline constexpr std::int64_t kWallTimeMinMs = 1'767'225'600'000;

/// Whether a wall clock that shows `ms`, in ms since the epoch, can be right.
constexpr bool can_be_now(std::int64_t ms) {
  return ms >= kWallTimeMinMs;
}

/// "2026-01-31T12:00:00Z", of ms since the epoch. Any thread.
std::string utc_text(std::int64_t ms);

}  // namespace punchline
