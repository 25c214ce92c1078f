// Producers that write over what is done and not freed, or on its way: buffer/FORMAT.md, "Below the
// front".

#include <set>

#include "tests/support/catch.h"
#include "tests/unit/core/strays_story.h"

using namespace punchline;
using namespace std::chrono_literals;
using punchline::testing::append_many;
using punchline::testing::rest;
using punchline::testing::World;

TEST_CASE("frames that are written over the last bytes before the front are delivered") {
  World world(1, 1);
  world.quarantines = true;
  world.format = Format::frames;
  world.open();
  append_many(world, 0, 20);
  rest(world);
  const auto bytes = world.bytes_of("next\nto") + world.bytes_of("each\nother");
  const bool runs = GENERATE(true, false);
  if (!runs) {
    world.pipe().finish(world.now());
    world.crash();
  }
  world.file.producer_writes(world.bytes_of("record 0" + std::string(50, '.')).size(), bytes);
  if (!runs) world.open();
  for (int i = 0; i < 5; ++i)
    rest(world);
  std::multiset<std::string> arrived;
  for (const auto& record : world.sink.log(0))
    arrived.insert(record.payload);
  CHECK(arrived.count("next\nto") == 1);
  CHECK(arrived.count("each\nother") == 1);
  // Without the copy nobody knows what is old.
  CHECK(arrived.count("record 19" + std::string(50, '.')) == (runs ? 1 : 2));
}

TEST_CASE("what is written where kept bytes have been freed since is one stretch with what is before") {
  World world(1, 1);
  world.quarantines = true;
  world.format = Format::frames;
  world.open();
  append_many(world, 0, 1000);
  rest(world);
  const auto front = world.checkpoint().front().value();
  const auto whole = front / 4096 * 4096;  // F1 has come so far
  world.file.producer_writes(whole - 50, std::string(front - whole + 50, 'f'));
  while (world.file.text().find('f') != std::string::npos) {
    world.advance(1s);
    world.turn(2);
  }
  REQUIRE(world.store.contents.size() == 1);
  const auto bytes = world.bytes_of(std::string(200, 's'));
  world.file.producer_writes(whole - 100, bytes);
  for (int second = 0; second < 10; ++second)
    rest(world);
  CHECK(world.store.contents.size() == 1);
  CHECK(world.sink.log(0).back().payload == std::string(200, 's'));
}

TEST_CASE("no line is delivered with a hole in it that was freed for what it was written over") {
  World world(2, 1);
  world.quarantines = true;
  world.begins_anew = true;
  world.config.stripe_bytes = 16;
  world.limits.free_bytes_min = 64;
  world.sink.mute = {0, 1};
  world.open();
  append_many(world, 0, 40);
  world.pipe().wake();
  world.turn(3);
  REQUIRE(world.pipe().in_flight() == 40);
  // Ended and begun in the middle of others.
  world.file.producer_writes(0, std::string(900, 'n') + "\n" + std::string(800, 'm') + "\n");
  world.sink.mute.erase(1);
  world.turn(20);
  SECTION("as read again by the same agent") {}
  SECTION("as read by the next one") {
    world.crash();
    world.open();
  }
  world.sink.mute.clear();
  rest(world);
  std::set<std::string> arrived;
  for (std::int32_t lane = 0; lane < 2; ++lane)
    for (const auto& record : world.sink.log(lane))
      arrived.insert(record.payload);
  for (const auto& payload : arrived)
    CHECK(payload.find('\0') == std::string::npos);
  CHECK(arrived.count(std::string(900, 'n')) == 1);
  CHECK(arrived.count(std::string(800, 'm')) == 1);
}
