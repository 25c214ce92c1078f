#include "buffer/base/backoff.h"

#include "tests/support/catch.h"

using namespace punchline;
using namespace std::chrono_literals;

TEST_CASE("delays double up to the most, never below half, and begin anew after a success") {
  Backoff backoff(100ms, 1000ms, 42);
  for (const auto full : {100ms, 200ms, 400ms, 800ms, 1000ms, 1000ms}) {
    const auto delay = backoff.next();
    CHECK(delay >= full / 2);
    CHECK(delay <= full);
  }
  backoff.reset();
  CHECK(backoff.next() <= 100ms);
}

TEST_CASE("two seeds do not come back together") {
  Backoff one(100ms, 10'000ms, 1);
  Backoff two(100ms, 10'000ms, 2);
  int same = 0;
  for (int i = 0; i < 10; ++i)
    same += one.next() == two.next() ? 1 : 0;
  CHECK(same < 5);
}
