#include "tests/support/eventually.h"

#include <algorithm>

#include <poll.h>
#include <time.h>

namespace punchline::testing {
namespace {

constexpr auto kLookEvery = std::chrono::milliseconds(5);

}  // namespace

void pause_until(Clock::time_point when) {
  for (auto now = Clock::now(); now < when; now = Clock::now()) {
    const auto left = std::chrono::duration_cast<std::chrono::nanoseconds>(when - now).count();
    const timespec wait{.tv_sec = left / 1'000'000'000, .tv_nsec = left % 1'000'000'000};
    ppoll(nullptr, 0, &wait, nullptr);  // a signal ends it early: the loop looks at the clock again
  }
}

bool eventually(Clock::duration limit, const std::function<bool()>& condition) {
  const auto deadline = Clock::now() + limit;
  while (!condition()) {
    const auto now = Clock::now();
    if (now >= deadline) return false;
    pause_until(std::min(deadline, now + kLookEvery));
  }
  return true;
}

}  // namespace punchline::testing
