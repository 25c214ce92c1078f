#include "agent/core/stopping.h"

#include "tests/support/catch.h"

using namespace punchline;
using namespace std::chrono_literals;

namespace {

const TimePoint kBegin{std::chrono::hours(1)};

}  // namespace

TEST_CASE("settling ends with the last report, and at most a while before the timeout") {
  Stopping stopping(OnStop::settle, 5s);
  CHECK_FALSE(stopping.asked());
  CHECK(stopping.due() == TimePoint::max());
  CHECK_FALSE(stopping.is_over(kBegin, true));
  stopping.ask(kBegin);
  CHECK_FALSE(stopping.drains());
  CHECK_FALSE(stopping.is_over(kBegin, false));
  CHECK(stopping.is_over(kBegin, true));
  CHECK_FALSE(stopping.is_over(kBegin + 3400ms, false));
  CHECK(stopping.is_over(kBegin + 3500ms, false));
  CHECK(stopping.due() == kBegin + 3500ms);
}

TEST_CASE("draining ends when nothing waits, or in time for what is on its way to settle") {
  Stopping stopping(OnStop::drain, 5s);
  stopping.ask(kBegin);
  CHECK(stopping.drains());
  CHECK_FALSE(stopping.ends_draining(kBegin + 1s, false));
  CHECK_FALSE(stopping.is_over(kBegin + 1s, true));
  SECTION("nothing waits") {
    CHECK(stopping.ends_draining(kBegin + 1s, true));
    CHECK(stopping.is_over(kBegin + 1s, true));
  }
  SECTION("its time is up") {
    CHECK(stopping.due() <= kBegin + 3s);
    CHECK(stopping.ends_draining(stopping.due(), false));
    CHECK_FALSE(stopping.drains());
    CHECK_FALSE(stopping.is_over(kBegin + 3400ms, false));
    CHECK(stopping.due() == kBegin + 3500ms);
    CHECK(stopping.is_over(stopping.due(), false));
  }
}

TEST_CASE("a second signal ends all waiting, and so does a timeout of 0") {
  Stopping twice(OnStop::drain, 1h);
  twice.ask(kBegin);
  twice.ask(kBegin + 1ms);
  CHECK(twice.ends_draining(kBegin + 1ms, false));
  CHECK(twice.is_over(kBegin + 1ms, false));
  Stopping at_once(OnStop::drain, 0s);
  at_once.ask(kBegin);
  CHECK(at_once.ends_draining(kBegin, false));
  CHECK(at_once.is_over(kBegin, false));
}
