#pragma once

#include <chrono>
#include <functional>

namespace punchline::testing {

using Clock = std::chrono::steady_clock;

/// Waits until `condition` holds, for at most `limit`; looks every few milliseconds. False if it
/// did not come true. This is the one place in the tests where time is waited away.
[[nodiscard]] bool eventually(Clock::duration limit, const std::function<bool()>& condition);

/// For pacing a producer: returns at `when`, at once if that is past.
void pause_until(Clock::time_point when);

}  // namespace punchline::testing
