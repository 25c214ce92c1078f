// Producers that grow the file ahead and write into the room they made: buffer/FORMAT.md, "Room".

#include "tests/support/catch.h"
#include "tests/unit/core/world.h"

using namespace punchline;
using namespace std::chrono_literals;
using punchline::testing::append_many;
using punchline::testing::World;

namespace {

constexpr std::uint64_t kRoom = 1 << 20;

/// Makes room up to `size`.
void grow(World& world, std::uint64_t size) {
  world.file.producer_writes(size - 1, std::string(1, '\0'));
}

/// Drains, and lets some seconds pass, in which whatever has a time limit is due.
void rest(World& world) {
  world.pipe().wake();
  world.drain();
  for (int second = 0; second < 10; ++second) {
    world.advance(1s);
    world.turn();
  }
}

}  // namespace

TEST_CASE("room is no unfinished line: it is not closed, and does not wait", "[R8]") {
  World world(1, 1);
  world.config.partial_timeout = 1000ms;
  world.own_offset = true;
  world.open();
  world.append("one");
  grow(world, kRoom);
  rest(world);
  CHECK(world.file.size() == kRoom);
  CHECK(world.metrics().waiting_bytes.get() == 0);
  CHECK(world.metrics().oldest_unconfirmed_ms.get() == 0);
  world.append_raw("begu");  // being written
  rest(world);
  CHECK(world.file.size() == kRoom);
  CHECK(world.metrics().waiting_bytes.get() == 4);
  world.append_raw("n\n");
  rest(world);
  CHECK(world.sink.log(0).size() == 2);
}

TEST_CASE("what is written into room is delivered, whatever follows the room", "[R8]") {
  World world(1, 2);
  world.own_offset = true;
  world.open();
  world.append("one");
  grow(world, kRoom);
  rest(world);
  for (int i = 0; i < 100; ++i)
    world.append("record " + std::to_string(i));
  grow(world, 2 * kRoom);
  world.file.producer_writes(kRoom, "\n");  // an empty line, from the next piece of room
  rest(world);
  world.check_all_arrived();
  CHECK(world.sink.log(0).size() == 101);
}

TEST_CASE("a producer may cut off what it has not used of its room", "[R8]") {
  World world(1, 3);
  world.own_offset = true;
  world.open();
  world.append("one");
  grow(world, kRoom);
  rest(world);
  world.append("two");
  world.file.truncate(8);
  rest(world);
  CHECK_FALSE(world.pipe().shrunk());
  world.check_all_arrived();
  world.file.truncate(4);
  world.pipe().wake();
  world.turn();
  CHECK(world.pipe().shrunk());
}

TEST_CASE("a producer may cut off room that has not been read yet") {
  World world(1, 4);
  world.own_offset = true;
  world.config.drain_rate = 10'000;  // it is not at the end for long
  world.open();
  append_many(world, 0, 5'000);
  const auto used = world.file.size();
  world.file.truncate(used + kRoom);
  world.pipe().wake();
  for (int second = 0; second < 3; ++second) {
    world.turn(3);
    world.advance(1s);
  }
  REQUIRE(world.checkpoint().front() > 0);
  REQUIRE(world.checkpoint().front() < used);
  world.file.truncate(used);
  world.pipe().wake();
  world.turn(3);
  CHECK_FALSE(world.pipe().shrunk());
}

TEST_CASE("room before a line that was set aside is not freed with it") {
  World world(1, 5);
  world.quarantines = true;
  world.open();
  world.append("one");
  world.append_raw(std::string(100'000, '\0'));  // as by fallocate(2)
  world.append_raw("behind\n");
  rest(world);
  REQUIRE(world.store.contents.count("behind") == 1);
  CHECK_FALSE(world.file.is_hole(50'000));
  world.file.producer_writes(50'000, "late\n");
  rest(world);
  CHECK(world.store.contents.count("late") == 1);
}

TEST_CASE("what comes into room while the line behind it is on its way elsewhere is kept") {
  World world(1, 6);
  world.quarantines = true;
  world.store.fails_add = true;
  world.open();
  world.append("one");
  grow(world, 100'000);
  world.append_raw("behind\n");
  world.pipe().wake();
  world.turn(10);
  world.file.producer_writes(50'000, "early\n");
  world.store.fails_add = false;
  world.advance(2s);
  world.turn();
  world.file.producer_writes(60'000, "late\n");
  rest(world);
  CHECK(world.store.contents.count("late") == 1);
  CHECK(world.store.contents.count("early") == 1);
}

TEST_CASE("records in room before a line that is set aside in its place count as read") {
  World world(1, 7);
  world.open();
  world.append("one");
  world.sink.mute.insert(0);
  grow(world, 100'000);
  world.append_raw("behind\n");
  world.pipe().wake();
  world.turn(10);
  world.file.producer_writes(4, "two\nthree\n");
  world.sink.moods.epoch_percent = 100;
  world.turn();
  world.sink.moods.epoch_percent = 0;
  world.sink.mute.clear();
  rest(world);
  CHECK(world.sink.log(0).size() >= 3);
  world.check_honest();
}

TEST_CASE("what is being written into room that the front has passed is not zeroed by a collapse",
          "[C1][C2]") {
  World world(1, 8);
  world.quarantines = true;
  world.limits.collapse = {4096, 4096, 0};
  world.limits.collapse_delay = 3s;
  world.format = GENERATE(Format::lines, Format::frames);
  world.open();
  append_many(world, 0, 1000);
  world.file.truncate(kRoom);
  if (world.format == Format::lines) world.append_raw("\n");
  world.append("behind");
  world.pipe().wake();
  world.drain();
  REQUIRE(world.checkpoint().front() == world.file.size());
  world.file.producer_writes(kRoom - 10, "begun");
  rest(world);
  CHECK(world.store.contents.count("begun") == 1);
  CHECK(world.checkpoint().base() == 0);
}

TEST_CASE("a start that has not read that others came behind room does not collapse under its producer",
          "[C2]") {
  World world(1, 9);
  world.quarantines = true;
  world.own_offset = true;
  world.open();
  append_many(world, 0, 400);
  rest(world);
  world.crash();
  const auto front = world.file.size();
  grow(world, front + 4096);
  world.file.producer_appends("behind\n");
  world.limits.collapse = {4096, 4096, 0};
  world.open();
  world.turn(100);
  world.append("into room");
  rest(world);
  CHECK(world.checkpoint().base() == 0);
  CHECK(world.store.contents.count("behind") == 1);
  CHECK(world.store.contents.count("into room") == 1);
}

TEST_CASE("others that came behind room are read before a collapse takes the room's producer's place",
          "[C2]") {
  World world(1, 9);
  world.quarantines = true;
  world.own_offset = true;
  world.limits.collapse = {4096, 4096, 0};
  world.open();
  append_many(world, 0, 400);
  grow(world, world.file.size() + 4096);
  world.pipe().wake();
  world.turn(200);  // all has arrived, and a collapse is due in less than a second
  REQUIRE(world.checkpoint().base() == 0);
  world.file.producer_appends("behind\n");
  for (int i = 0; i < 10; ++i) {
    world.advance(100ms);
    world.turn();
  }
  world.append("into room");
  rest(world);
  CHECK(world.checkpoint().base() == 0);
  CHECK(world.store.contents.count("into room") == 1);
}

TEST_CASE("room that the front has passed is not freed: what is written there stays") {
  World world(1, 4);
  world.open();
  world.append("one");
  grow(world, kRoom);
  world.append("");
  world.append("two");
  rest(world);
  CHECK(world.sink.log(0).size() == 2);
  CHECK(world.checkpoint().front() == world.file.size());
  world.file.producer_writes(20'000, "late\n");
  world.append("three");
  rest(world);
  CHECK(world.file.text().substr(20'000, 5) == "late\n");
}
