// Buffers over bytes_max.

#include <algorithm>
#include <string>

#include "tests/support/catch.h"
#include "tests/unit/core/world.h"

using namespace punchline;
using punchline::testing::World;
using namespace std::chrono_literals;

TEST_CASE("full, and the operator wants that: the oldest that are not in flight are dropped") {
  World world(2, 31);
  world.config.bytes_max = 20'000;
  world.config.when_full = WhenFull::drop_oldest;
  world.config.stripe_bytes = 4096;
  world.sink.moods.window = 20;
  world.sink.mute = {0, 1};
  world.open();
  world.advance(10s);
  append_many(world, 0, 2000);
  for (int i = 0; i < 200; ++i) {
    world.turn();
    world.advance(100ms);
    world.check_honest();
  }
  const auto dropped = world.metrics().records_dropped.get();
  CHECK(dropped > 1500);
  CHECK(world.metrics().data_bytes.get() <= 20'000 + 3 * 4096);
  CHECK(world.log.has("over bytes_max 20000: the oldest records are dropped"));
  CHECK(world.log.has("records dropped between positions"));
  world.sink.mute = {};
  world.drain();
  world.check_honest();
  CHECK(world.metrics().records_confirmed.get() == 2000 - world.metrics().records_dropped.get());
  // The newest arrived, in order, and so did what was in flight all the time.
  std::size_t last = 0;
  for (const auto partition : {0, 1}) {
    const auto& log = world.sink.log(partition);
    REQUIRE_FALSE(log.empty());
    last += log.back().payload.find("record 19") == 0 ? 1 : 0;
    CHECK(std::is_sorted(log.begin(), log.end(),
                         [](const auto& a, const auto& b) { return a.position < b.position; }));
  }
  CHECK(last == 2);
}

TEST_CASE("nothing is dropped for what is confirmed and waits to be freed in larger pieces") {
  World world(2, 34);
  world.config.bytes_max = 150'000;
  world.config.when_full = WhenFull::drop_oldest;
  world.config.stripe_bytes = 16 * 1024;
  world.sink.mute = {1};
  world.open();
  world.advance(11s);
  for (int i = 0; i < 40; ++i) {  // 200,000 bytes, half of which nobody takes yet
    append_many(world, 80 * i, 80);
    world.pipe().wake();
    world.turn();
    world.advance(500ms);
    world.turn(5);
  }
  CHECK(world.metrics().records_confirmed.get() > 1500);
  CHECK(world.metrics().records_dropped.get() == 0);
  CHECK(world.metrics().data_bytes.get() < 150'000);
  world.sink.mute = {};
  world.drain();
  world.check_all_arrived();
}

TEST_CASE("full at a start: what Kafka takes in the first seconds is not dropped") {
  World world(2, 33);
  world.config.bytes_max = 20'000;
  world.config.when_full = WhenFull::drop_oldest;
  append_many(world, 0, 2000);
  world.open();
  for (int i = 0; i < 80; ++i) {
    world.turn();
    world.advance(100ms);
  }
  world.drain();
  world.check_all_arrived();
  CHECK(world.metrics().records_dropped.get() == 0);
}

TEST_CASE("full, but for what is set aside in place: nothing is dropped for its sake") {
  World world(1, 34);
  world.config.bytes_max = 20'000;
  world.config.when_full = WhenFull::drop_oldest;
  world.config.record_bytes_max = 1000;
  world.sink.moods.window = 1;
  world.sink.mute = {0};
  world.append("first");
  world.append_undeliverable(std::string(50'000, 'x'));
  world.open();
  append_many(world, 0, 200);
  const auto live = [&] {
    for (int i = 0; i < 200; ++i) {
      world.turn();
      world.advance(100ms);
    }
  };
  live();
  CHECK(world.metrics().records_dropped.get() == 0);
  CHECK_FALSE(world.log.has("over bytes_max"));
  append_many(world, 200, 1800);
  live();
  CHECK(world.metrics().records_dropped.get() > 500);
  CHECK(world.metrics().data_bytes.get() <= 50'000 + 20'000 + 3 * 4096);
  CHECK(world.log.has("beside what is set aside in it, over bytes_max"));
  world.check_set_aside_kept();
  world.check_honest();
}

TEST_CASE("full, and nothing may be dropped: a warning, and everything stays") {
  World world(1, 32);
  world.config.bytes_max = 5'000;
  world.sink.mute = {0};
  world.open();
  append_many(world, 0, 500);
  for (int i = 0; i < 50; ++i) {
    world.turn();
    world.advance(100ms);
  }
  CHECK(world.log.has("over bytes_max 5000: it grows on"));
  CHECK(world.metrics().records_dropped.get() == 0);
  world.sink.mute = {};
  world.drain();
  world.check_all_arrived();
}
