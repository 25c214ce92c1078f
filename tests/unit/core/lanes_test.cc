#include "agent/core/lanes.h"

#include "tests/support/catch.h"

using namespace punchline;
using namespace std::chrono_literals;

namespace {

Delivery delivery(std::int32_t partition, ByteRange range, std::uint32_t records, Outcome outcome) {
  Delivery delivery;
  delivery.lane.partition = partition;
  delivery.range = range;
  delivery.records = records;
  delivery.outcome = outcome;
  return delivery;
}

const TimePoint kStart{1h};

}  // namespace

TEST_CASE("a lane that failed lags from its lowest record on, once all is settled") {
  Lanes lanes(2, 1);
  lanes.offered(0, 5, kStart);
  lanes.offered(1, 1, kStart);
  CHECK_FALSE(lanes.take(delivery(0, {20, 30}, 1, Outcome::unknown), kStart));
  CHECK(lanes.lags(0));
  CHECK_FALSE(lanes.is_due(0, kStart + 1h));  // four are still out
  CHECK_FALSE(lanes.take(delivery(0, {10, 20}, 1, Outcome::unknown), kStart));
  CHECK(lanes.take(delivery(0, {30, 60}, 3, Outcome::not_persisted), kStart));
  CHECK(lanes[0].resume() == 10);
  CHECK_FALSE(lanes.is_due(0, kStart));
  CHECK(lanes.next_due(kStart) > kStart);
  CHECK(lanes.is_due(0, kStart + 101ms));
  CHECK_FALSE(lanes.lags(1));
  CHECK(lanes.lagging() == 1);
  CHECK(lanes.in_flight() == 1);
  lanes.level(0);
  CHECK(lanes.lagging() == 0);
}

TEST_CASE("each failure waits longer, a success makes the next wait short again") {
  Lanes lanes(1, 1);
  Backoff::Millis last{0};
  for (int i = 0; i < 4; ++i) {
    lanes.offered(0, 1, kStart);
    last = *lanes.take(delivery(0, {0, 10}, 1, Outcome::unknown), kStart);
  }
  CHECK(last >= 400ms);
  lanes.offered(0, 1, kStart);
  lanes.take(delivery(0, {0, 10}, 1, Outcome::persisted), kStart);
  lanes.offered(0, 1, kStart);
  CHECK(*lanes.take(delivery(0, {10, 20}, 1, Outcome::unknown), kStart) <= 100ms);
}

TEST_CASE("a lost client sends back the lanes that had something out with it, and those alone") {
  Lanes lanes(3, 1);
  lanes.offered(1, 7, kStart);
  lanes.offered(2, 2, kStart);
  CHECK_FALSE(lanes.lost(0, 1000));
  CHECK(lanes.lost(1, 1000));
  CHECK_FALSE(lanes.lags(0));
  CHECK(lanes[1].resume() == 1000);
  CHECK(lanes.is_due(1, kStart));
  CHECK_FALSE(lanes.lags(2));
  CHECK(lanes.in_flight() == 2);
}

TEST_CASE("while a refused record is looked for nothing waits; alone it comes three times") {
  Lanes lanes(1, 1);
  lanes.offered(0, 5, kStart);
  CHECK_FALSE(lanes.take(delivery(0, {10, 20}, 1, Outcome::refused), kStart));
  CHECK(*lanes.take(delivery(0, {20, 60}, 4, Outcome::not_persisted), kStart) == 0ms);
  auto alone = delivery(0, {10, 20}, 1, Outcome::refused);
  alone.alone = true;
  for (int times = 1; times <= Lanes::kRefusalsMax; ++times) {
    CHECK_FALSE(lanes.has_poison(0));
    lanes.offered(0, 1, kStart);
    const auto delay = lanes.take(alone, kStart);
    REQUIRE(delay);
    if (times < Lanes::kRefusalsMax) CHECK(*delay == Lanes::kRefusalDelay);
  }
  CHECK(lanes.has_poison(0));
  lanes.forgive(0, kStart);
  CHECK_FALSE(lanes.has_poison(0));
  CHECK(lanes.is_due(0, kStart));
}

TEST_CASE("another suspect, or a success in between, begins the count again") {
  const bool success = GENERATE(false, true);
  Lanes lanes(1, 1);
  auto alone = delivery(0, {10, 20}, 1, Outcome::refused);
  alone.alone = true;
  for (int times = 1; times < Lanes::kRefusalsMax; ++times) {
    lanes.offered(0, 1, kStart);
    lanes.take(alone, kStart);
  }
  lanes.offered(0, 1, kStart);
  alone.range = {20, 30};
  if (success) alone = delivery(0, {10, 20}, 1, Outcome::persisted);
  lanes.take(alone, kStart);
  CHECK_FALSE(lanes.has_poison(0));
  CHECK(lanes[0].refusals == (success ? 0 : 1));
}

TEST_CASE("a lane waits from its first offer on, and from each report") {
  Lanes lanes(1, 1);
  lanes.offered(0, 1, kStart);
  lanes.offered(0, 1, kStart + 1s);
  CHECK(lanes[0].silent_since == kStart);
  lanes.take(delivery(0, {0, 10}, 1, Outcome::persisted), kStart + 2s);
  CHECK(lanes[0].silent_since == kStart + 2s);
  lanes.take(delivery(0, {10, 20}, 1, Outcome::persisted), kStart + 3s);
  lanes.offered(0, 1, kStart + 1h);
  CHECK(lanes[0].silent_since == kStart + 1h);
}

TEST_CASE("an open lane closes at a failure, and opens once no suspect is left") {
  Lanes lanes(2, 1);
  lanes.leave_behind(0, 0, kStart);
  CHECK_FALSE(lanes.is_open(0));
  lanes.open(100);
  CHECK(lanes.is_open(0));
  CHECK_FALSE(lanes.is_open(1));  // it does not lag
  lanes.offered(0, 3, kStart);
  CHECK_FALSE(lanes.take(delivery(0, {120, 130}, 1, Outcome::refused), kStart));
  CHECK_FALSE(lanes.is_open(0));
  lanes.open(200);
  CHECK_FALSE(lanes.is_open(0));  // two are still out
  lanes.take(delivery(0, {140, 150}, 2, Outcome::refused), kStart);
  CHECK(lanes[0].suspects == ByteRange{120, 150});
  CHECK(lanes[0].resume() == 0);
  lanes.open(200);
  CHECK_FALSE(lanes.is_open(0));
  lanes.clear_suspects(0);
  lanes.open(200);
  CHECK(lanes[0].until() == 200);
}

TEST_CASE("an open lane that is left behind settles before it goes on") {
  Lanes lanes(1, 1);
  lanes.leave_behind(0, 0, kStart);
  lanes.open(100);
  lanes.offered(0, 1, kStart);
  lanes.leave_behind(0, 200, kStart);
  CHECK_FALSE(lanes.is_due(0, kStart + 1h));
  lanes.open(300);
  CHECK_FALSE(lanes.is_open(0));
  CHECK(lanes.take(delivery(0, {110, 120}, 1, Outcome::persisted), kStart));
  CHECK(lanes.is_due(0, kStart + 1s));
  CHECK(lanes[0].resume() == 0);
}
