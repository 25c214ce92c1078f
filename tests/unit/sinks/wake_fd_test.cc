#include "sinks/wake_fd.h"

#include <chrono>

#include <poll.h>

#include "tests/support/catch.h"

namespace punchline {
namespace {

bool readable(int fd, int timeout_ms) {
  pollfd waits{fd, POLLIN, 0};
  return ::poll(&waits, 1, timeout_ms) == 1;
}

TEST_CASE("a wake and a time make the descriptor readable, clear takes them back") {
  WakeFd wake;
  CHECK_FALSE(readable(wake.fd(), 0));
  wake.wake();
  wake.wake();
  CHECK(readable(wake.fd(), 0));
  wake.clear();
  CHECK_FALSE(readable(wake.fd(), 0));

  wake.wake_at(WakeFd::Clock::now() + std::chrono::milliseconds(20));
  CHECK(readable(wake.fd(), 5000));
  wake.clear();
  CHECK_FALSE(readable(wake.fd(), 0));

  wake.wake_at(WakeFd::Clock::now() - std::chrono::seconds(1));  // already over
  CHECK(readable(wake.fd(), 5000));
  wake.clear();
  wake.wake_at(WakeFd::Clock::now() + std::chrono::hours(1));
  wake.wake_at(std::nullopt);
  CHECK_FALSE(readable(wake.fd(), 0));
}

}  // namespace
}  // namespace punchline
