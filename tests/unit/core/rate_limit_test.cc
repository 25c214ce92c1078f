#include "agent/core/rate_limit.h"

#include "tests/support/catch.h"
#include "tests/unit/core/world.h"

using namespace punchline;
using namespace punchline::testing;
using namespace std::chrono_literals;

TEST_CASE("so many bytes a second, whatever is taken at once") {
  RateLimit rate(100'000);
  TimePoint now{1h};
  std::uint64_t taken = 0;
  const auto each = GENERATE(100U, 7'000U, 50'000U);
  const auto until = now + 20s;
  while (now < until) {
    rate.is_open(now);
    for (; rate.left() > 0; taken += each)
      rate.take(each);
    REQUIRE(rate.due() > now);
    now = rate.due();
  }
  CHECK(taken >= 1'950'000);
  CHECK(taken <= 2'000'000 + 10'000 + 2 * each);
}

TEST_CASE("a long rest saves up a tenth of a second") {
  RateLimit rate(100'000);
  TimePoint now{1h};
  REQUIRE(rate.is_open(now + 1h));
  CHECK(rate.left() == 10'000);
}

TEST_CASE("no limit") {
  RateLimit rate(0);
  rate.take(1ULL << 60);
  CHECK(rate.is_open(TimePoint{1h}));
  CHECK(rate.due() == TimePoint::max());
}

TEST_CASE("a backlog is drained at drain_rate, and all of it") {
  testing::World world(3, 7);
  world.config.drain_rate = 10'000;
  for (int i = 0; i < 1'000; ++i)
    world.append("record " + std::to_string(i) + std::string(100, '.'));
  world.open();
  const auto begin = world.now();
  const auto bytes = world.file.size();
  for (int i = 0; i < 4'000; ++i)
    world.turn();
  CHECK(world.metrics().bytes_confirmed.get() >= 39'000);
  CHECK(world.metrics().bytes_confirmed.get() <= 43'000);
  world.drain();
  world.check_all_arrived();
  CHECK(world.now() - begin >= std::chrono::milliseconds(bytes / 10 - 200));
  CHECK(world.duplicates() == 0);
}

// World asks after each turn that none was for nothing.
TEST_CASE("what is appended while the rate is used up is no reason for a turn") {
  World world(1, 61);
  world.config.drain_rate = 10'000;
  world.open();
  world.append("first");
  world.drain();
  world.append(std::string(400'000, 'x'));
  world.pipe().wake();
  world.turn(20);
  world.append("small");
  world.pipe().wake();
  world.turn(20);
  CHECK(world.pipe().due(world.now()) > world.now());
  world.drain();
  world.check_all_arrived();
}

TEST_CASE("what is appended while there is no memory to read it is no reason for a turn") {
  World world(1, 62);
  world.pool_bytes = ChunkPool::kChunkBytes;
  world.open();
  world.append("first");
  world.drain();
  world.sink.mute = {0};
  world.append("held");
  world.pipe().wake();
  world.turn(20);
  REQUIRE(world.pipe().in_flight() == 1);
  for (int i = 0; i < 3; ++i) {
    world.append("more " + std::to_string(i));
    world.pipe().wake();
    world.turn(20);
    CHECK(world.pipe().due(world.now()) > world.now());
  }
  world.sink.mute = {};
  world.drain();
  world.check_all_arrived();
}
