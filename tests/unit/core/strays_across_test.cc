// Lines written across what waits, and over it: buffer/FORMAT.md, "Below the front", B5 and B6.

#include <algorithm>

#include "tests/support/catch.h"
#include "tests/unit/core/strays_story.h"

using namespace punchline;
using namespace std::chrono_literals;
using punchline::testing::append_many;
using punchline::testing::pass;
using punchline::testing::rest;
using punchline::testing::run;
using punchline::testing::Story;
using punchline::testing::World;

TEST_CASE("a line that goes across the front is delivered whole, not its second half") {
  Story story;
  auto& world = story.world;
  world.begins_anew = true;
  world.sink.mute.insert(0);
  world.append("waits");
  world.append("waits as well");
  const auto front = world.checkpoint().front();
  world.file.producer_writes(front - 100, "line\n" + std::string(100, 'n') + "\n");
  pass(world, 10);
  world.crash();
  world.open();
  world.sink.mute.clear();
  rest(world);
  std::size_t whole = 0;
  for (const auto& record : world.sink.log(0)) {
    if (!record.payload.starts_with('n')) continue;
    CHECK(record.payload.size() == 100);
    ++whole;
  }
  CHECK(whole == 1);
  CHECK(world.sink.log(0).back().payload == "waits as well");
}

TEST_CASE("what is sent again is not begun in the middle of a line that was written over it") {
  World world(1, 1);
  world.begins_anew = true;
  world.open();
  world.append("first");
  rest(world);
  world.sink.mute.insert(0);
  append_many(world, 0, 40);
  world.pipe().wake();
  world.turn(3);
  REQUIRE(world.pipe().in_flight() > 0);
  world.file.producer_writes(0, std::string(900, 'n') + "\n");
  world.sink.moods.epoch_percent = 100;
  world.turn();
  world.sink.moods.epoch_percent = 0;
  world.sink.mute.clear();
  rest(world);
  for (const auto& record : world.sink.log(0)) {
    if (record.payload.starts_with('n')) CHECK(record.payload.size() == 900);
  }
}

TEST_CASE("a lane that fell behind does not go on in the middle of a line that was written over it") {
  World world(2, 1);
  world.begins_anew = true;
  world.config.stripe_bytes = 16;
  world.sink.mute.insert(1);
  world.open();
  append_many(world, 0, 40);
  pass(world);
  REQUIRE(world.pipe().in_flight() > 0);
  world.file.producer_writes(0, std::string(900, 'n') + "\n" + std::string(800, 'm') + "\n");
  world.sink.moods.epoch_percent = 100;
  world.turn();
  world.sink.moods.epoch_percent = 0;
  world.sink.mute.clear();
  rest(world);
  for (std::int32_t lane = 0; lane < 2; ++lane) {
    for (const auto& record : world.sink.log(lane)) {
      const bool is_part = record.payload.starts_with('n') || record.payload.starts_with('m');
      CHECK((!is_part || record.payload.size() == 900 || record.payload.size() == 800));
    }
  }
}

TEST_CASE("what is written over while it waits is told once, with the place and the remedy") {
  World world(1, 1);
  world.sink.mute.insert(0);
  world.open();
  world.append_raw(run("first", 1000));
  pass(world);
  const auto told = [&] {
    return std::count_if(world.log.lines.begin(), world.log.lines.end(), [](const auto& line) {
      return line.find("written over while it waited") != std::string::npos &&
             line.find("position 0 ") != std::string::npos &&
             line.find("append:") != std::string::npos;
    });
  };
  CHECK(told() == 0);
  world.file.producer_writes(0, run("secon", 1000));
  world.pipe().wake();
  world.turn(3);
  CHECK(told() == 1);
  CHECK(loss_of(*noted_losses(world.file), LossReason::overwritten).bytes > 1000);
  world.file.producer_writes(0, run("third", 1000));
  pass(world);
  CHECK(told() == 1);
}

TEST_CASE("a writer that takes its own record back has not written over what waits") {
  World world(1, 1);
  world.sink.mute.insert(0);
  world.open();
  world.append_raw("one\ntwo\nbegun, and no room");
  pass(world);
  world.file.producer_writes(8, std::string(17, '\0') + "\n");
  pass(world);
  CHECK_FALSE(world.log.has("written over"));
}
