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

namespace {

/// What is in flight is lost, and read from the file once more.
void send_again(World& world) {
  world.sink.moods.epoch_percent = 100;
  world.turn();
  world.sink.moods.epoch_percent = 0;
  world.sink.mute.clear();
  rest(world);
}

}  // namespace

TEST_CASE("a line that goes across the front is delivered whole, not its second half", "[B5]") {
  Story story;
  auto& world = story.world;
  world.begins_anew = true;
  world.sink.mute.insert(0);
  world.append("waits");
  world.append("waits as well");
  const auto front = world.checkpoint().front().value();
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
  send_again(world);
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
  send_again(world);
  for (std::int32_t lane = 0; lane < 2; ++lane) {
    for (const auto& record : world.sink.log(lane)) {
      const bool is_part = record.payload.starts_with('n') || record.payload.starts_with('m');
      CHECK((!is_part || record.payload.size() == 900 || record.payload.size() == 800));
    }
  }
}

TEST_CASE("what is written over while it waits is told once, with the place and the remedy",
          "[B6][G2]") {
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

// What is sent again is read from the file.
TEST_CASE("a line that goes across the front is whole when what waits there is sent again") {
  Story story;
  auto& world = story.world;
  world.begins_anew = true;
  world.sink.mute.insert(0);
  world.append("waits " + std::string(200, 'w'));
  pass(world, 2);
  const auto front = world.checkpoint().front().value();
  world.file.producer_writes(front - 96, "line\n" + std::string(100, 'n') + "\n");
  pass(world, 10);
  send_again(world);
  std::size_t whole = 0;
  for (const auto& record : world.sink.log(0)) {
    if (!record.payload.starts_with('n')) continue;
    CHECK(record.payload == std::string(100, 'n'));
    ++whole;
  }
  CHECK(whole == 1);
}

TEST_CASE("a line that goes across the end of what was freed above the front is not cut off there",
          "[B5]") {
  World world(2, 1);
  world.begins_anew = true;
  world.quarantines = true;
  world.config.stripe_bytes = 1024;
  world.limits.free_bytes_min = 256;
  world.sink.mute.insert(0);
  world.open();
  world.append_raw(run("front", 2'000));  // to each partition in turn
  pass(world, 5);
  const auto front = world.checkpoint().front().value();
  auto end = front;  // of the first hole above it
  const auto text = world.file.text();
  while (text[end] != '\0')
    ++end;
  while (text[end] == '\0')
    ++end;
  REQUIRE(text[end++] == '\n');
  REQUIRE(end < text.size());
  world.file.producer_writes(end - 100, std::string(200, 'x') + "\n");
  pass(world, 10);
  send_again(world);
  for (std::int32_t partition = 0; partition < 2; ++partition) {
    for (const auto& record : world.sink.log(partition)) {
      if (record.payload.find('x') == std::string::npos) continue;
      CHECK(record.payload == std::string(200, 'x'));
    }
  }
  CHECK(world.checkpoint().front() == world.file.size());
}

TEST_CASE("what one pass has seen written over is not taken back by one that begins at a line") {
  World world(2, 1);
  constexpr std::uint64_t kLineBytes = 1024;
  world.config.order = Order::relaxed;
  world.config.stripe_bytes = kLineBytes;
  world.sink.mute.insert(1);
  world.sink.moods.window = 4;
  world.open();
  for (std::uint64_t i = 0; i < 1000; ++i)
    world.append_raw(std::string(kLineBytes - 1, 'a') + "\n");
  world.pipe().wake();
  world.turn(5);
  world.advance(1s);  // the other partition is left behind
  world.turn(5);
  REQUIRE(world.pipe().in_flight() > 0);
  const auto next_chunk = ChunkPool::kChunkBytes;
  REQUIRE(world.sink.log(0).size() < next_chunk / kLineBytes / 4);
  world.file.producer_writes(next_chunk - 100, std::string(200, 'n') + "\n");
  world.sink.moods.window = 1000;
  world.sink.mute.clear();
  world.turn();
  REQUIRE(world.pipe().shrunk());
  world.pipe().give_up(LossReason::truncated);
  CHECK_FALSE(world.log.has("truncated"));  // it waits, and comes again
}

TEST_CASE("what is appended to a file that was truncated is delivered, not taken for strays") {
  Story story;
  auto& world = story.world;
  world.begins_anew = true;
  world.sink.mute.insert(0);
  world.append("in flight");
  world.pipe().wake();
  world.turn(3);
  world.advance(500ms);
  world.append("as well");
  world.pipe().wake();
  world.turn(3);  // looks at the size, and a second later again
  world.advance(600ms);
  world.file.truncate(0);
  world.file.producer_appends(run("again", 50));
  world.turn(3);
  CHECK_FALSE(world.log.has("set aside"));
  world.sink.mute.clear();
  rest(world);
  CHECK(world.sink.log(0).back().payload == "again 10049");
  CHECK(world.store.contents.empty());
}
