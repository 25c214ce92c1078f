// A machine's clock that cannot be right, and what becomes of records meanwhile.

#include "agent/core/wall_clock.h"

#include <algorithm>

#include "buffer/wall_time.h"
#include "tests/support/catch.h"
#include "tests/unit/core/world.h"

using namespace punchline;
using namespace std::chrono_literals;
using punchline::testing::KeptLog;
using punchline::testing::World;

namespace {

constexpr std::int64_t kAtBoot = 5'000;
constexpr std::int64_t kYear = 365LL * 24 * 3600 * 1000;

/// So many seconds, in which the agent is called when it wants to be. Returns how often.
int live(World& world, Duration time) {
  const auto end = world.now() + time;
  int turns = 0;
  while (world.now() < end) {
    const auto due = world.forwarder().turn(world.now());
    world.advance(std::max<Duration>(std::min(due, end) - world.now(), 1us));
    ++turns;
  }
  return turns;
}

}  // namespace

TEST_CASE("a time before this program can be no time of now, and any later one can") {
  CHECK_FALSE(can_be_now(-1));
  CHECK_FALSE(can_be_now(kAtBoot));
  CHECK_FALSE(can_be_now(kWallTimeMinMs - 1));
  CHECK(can_be_now(kWallTimeMinMs));
  CHECK(can_be_now(kWallTimeMinMs + 200 * kYear));
  CHECK(utc_text(kWallTimeMinMs) == "2026-01-01T00:00:00Z");
}

TEST_CASE("a clock that cannot be right is told once, with what follows, and when it is set") {
  const auto policy = GENERATE(WrongClock::as_is, WrongClock::wait, WrongClock::broker);
  Metrics metrics;
  KeptLog log;
  WallClock clock(policy, metrics, log);
  const TimePoint now{1h};
  for (int time = 0; time < 2; ++time) {
    for (const std::int64_t ms : {kAtBoot, kAtBoot + 1000, 2 * kYear})
      clock.look(ms);
    CHECK(clock.holds() == (policy == WrongClock::wait));
    CHECK((clock.time_of() == TimeOf::destination) == (policy == WrongClock::broker));
    CHECK(clock.due(now) == now + WallClock::kLookDelay);
    CHECK(log.lines.back().starts_with("the clock says 1970-01-01T00:00:05Z, which cannot be: "));
    CHECK(metrics.clock_trouble.get() == log.lines.back());

    clock.look(kWallTimeMinMs + kYear);
    clock.look(kWallTimeMinMs + 2 * kYear);
    CHECK_FALSE(clock.holds());
    CHECK(clock.time_of() == TimeOf::sender);
    CHECK(clock.due(now) == TimePoint::max());
    CHECK(log.lines.back().starts_with("the clock has been set, it says 2027-01-01T00:00:00Z"));
    CHECK(metrics.clock_trouble.get().empty());
  }
  CHECK(log.lines.size() == 4);
}

TEST_CASE("a clock that is right from the start is not told of") {
  Metrics metrics;
  KeptLog log;
  WallClock clock(WrongClock::wait, metrics, log);
  clock.look(kWallTimeMinMs);
  CHECK(log.lines.empty());
  CHECK_FALSE(clock.holds());
}

TEST_CASE("while records are held none is sent, without a turn too many; then all go, in order") {
  World world(GENERATE(1, 3), 21);
  world.config.order = GENERATE(Order::strict, Order::relaxed);
  append_many(world, 0, 300);
  world.open();
  world.forwarder().hold(true);
  CHECK(live(world, 60s) < 200);
  append_many(world, 300, 300);
  world.pipe().wake();
  CHECK(live(world, 60s) < 200);
  CHECK(world.sink.offers() == 0);
  CHECK_FALSE(world.forwarder().drained());
  CHECK(world.metrics().state.get() == static_cast<std::uint64_t>(BufferState::paused));
  world.check_nothing_freed_early();
  world.forwarder().hold(false);
  world.turn();
  CHECK(world.sink.offers() > 0);
  world.drain();
  world.check_all_arrived();
  CHECK(world.duplicates() == 0);
}

TEST_CASE("while records are held the buffer is not read again for each that comes") {
  World world(1, 61);
  append_many(world, 0, 300);
  world.open();
  world.forwarder().hold(true);
  world.turn();
  const auto reads = world.file.calls(punchline::testing::MemoryFile::Op::read_at);
  for (int i = 0; i < 500; ++i) {
    append_many(world, 300 + i, 1);
    world.pipe().wake();
    world.turn();
    world.advance(1ms);
  }
  CHECK(world.file.calls(punchline::testing::MemoryFile::Op::read_at) < reads + 20);
}

TEST_CASE("records are held again and again while some fail, and none of it is lost") {
  World world(2, GENERATE(range(31U, 41U)));
  world.config.order = GENERATE(Order::strict, Order::relaxed);
  world.sink.moods.fail_percent = 30;
  world.sink.moods.report_percent = 50;
  world.open();
  for (int i = 0; i < 20; ++i) {
    append_many(world, 100 * i, 100);
    world.pipe().wake();
    live(world, 200ms);
    world.forwarder().hold(true);
    world.turn(5);
    const auto offers = world.sink.offers();
    CHECK(live(world, 20s) < 200);
    CHECK(world.sink.offers() == offers);
    world.forwarder().hold(false);
  }
  world.drain();
  world.check_all_arrived();
  world.check_honest();
}

TEST_CASE("a buffer that is over its limit drops its oldest records while they are held, too") {
  World world(1, 51);
  world.config.bytes_max = 64 << 10;
  world.config.when_full = WhenFull::drop_oldest;
  world.open();
  world.forwarder().hold(true);
  append_many(world, 0, 4000);
  world.pipe().wake();
  live(world, 60s);
  CHECK(world.metrics().records_dropped.get() > 0);
  CHECK(world.sink.offers() == 0);
}
