#pragma once

#include <chrono>
#include <functional>

namespace punchline::testing {

using Clock = std::chrono::steady_clock;

/// Waits until `condition` holds, looking every few milliseconds, for at most `limit`.
/// False: it did not come true. The one place of the tests where time is waited away.
[[nodiscard]] bool eventually(Clock::duration limit, const std::function<bool()>& condition);

/// For pacing a producer: returns at `when`, at once if that is past.
void pause_until(Clock::time_point when);

}  // namespace punchline::testing
