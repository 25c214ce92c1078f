// Producers that write where everything was done: buffer/FORMAT.md, "Below the front", B1 to B4.

#include <algorithm>
#include <cerrno>
#include <set>
#include <utility>

#include "tests/support/catch.h"
#include "tests/unit/core/strays_story.h"

using namespace punchline;
using namespace std::chrono_literals;
using punchline::testing::append_many;
using punchline::testing::MemoryFile;
using punchline::testing::pass;
using punchline::testing::rest;
using punchline::testing::run;
using punchline::testing::set_aside;
using punchline::testing::Story;
using punchline::testing::World;

namespace {

constexpr auto kBelow = SetAsideReason::written_below_front;

// Stripes of one partition are delivered and freed, those of the other wait between them.
void leave_stripes(World& world) {
  world.quarantines = true;
  world.config.stripe_bytes = 16384;
  world.limits.free_bytes_min = 4096;
  world.open();
  world.sink.mute = {0};
  append_many(world, 0, 1000);
}

}  // namespace

TEST_CASE("lines written from offset 0 are kept, told once, and freed again", "[B1]") {
  Story story;
  auto& world = story.world;
  const auto front = world.checkpoint().front().value();
  world.file.producer_writes(0, run("second", 1000));
  rest(world);
  CHECK(world.sink.log(0).size() == story.delivered);
  CHECK(set_aside(world, kBelow) == 1000);
  CHECK(world.store.contents.size() == 1000);
  CHECK(story.told() == 1);
  CHECK(world.checkpoint().front() == front);
  CHECK(world.checkpoint().state().gap_seen);
  CHECK(world.file.text().find("second") == std::string::npos);
  world.check_honest();
  world.file.producer_writes(0, run("third", 500));
  rest(world);
  CHECK(set_aside(world, kBelow) == 1500);
  world.append("last");
  rest(world);
  CHECK(world.sink.log(0).size() == story.delivered + 1);
}

TEST_CASE("what is written over the last bytes before the front is seen too", "[B2]") {
  Story story(2000);
  auto& world = story.world;
  SECTION("by a run of the same length") {
    world.file.producer_writes(0, run("secon", 2000));
    rest(world);
    CHECK(story.has_kept("secon 11999"));
    CHECK(set_aside(world, kBelow) == 2000);
  }
  SECTION("in a buffer of which nothing was freed yet") {
    Story small(20);
    small.world.file.producer_writes(0, run("secon", 10));
    rest(small.world);
    CHECK(small.has_kept("secon 10000"));
    CHECK(small.has_kept("secon 10009"));
    CHECK_FALSE(small.has_kept("first 10019"));
    CHECK(small.world.sink.log(0).size() == 20);
  }
  CHECK(world.sink.log(0).size() == story.delivered);
}

TEST_CASE("a line that is never ended is kept as it is after a while", "[B1]") {
  Story story;
  auto& world = story.world;
  world.file.producer_writes(0, "whole\nunfinis");
  rest(world);
  CHECK(set_aside(world, kBelow) == 1);
  world.file.producer_writes(13, "hed\n");
  rest(world);
  CHECK(world.store.contents.count("unfinished") == 1);
  world.file.producer_writes(5000, "never");
  rest(world, 10);
  CHECK(world.store.contents.count("never") == 1);
}

TEST_CASE("what was written below the front while no agent ran is found by the next one", "[B9]") {
  const int lines = GENERATE(20, 2000);
  Story story(lines);
  auto& world = story.world;
  world.stop();
  world.crash();
  world.file.producer_writes(0, run("secon", lines / 2));
  world.open();
  rest(world);
  CHECK(story.has_kept("secon 10000"));
  CHECK(set_aside(world, kBelow) > 0);
  CHECK(world.sink.log(0).size() == story.delivered);
}

TEST_CASE("a restart takes nothing of its own for a stray", "[B9]") {
  const int lines = GENERATE(20, 2000);
  Story story(lines);
  auto& world = story.world;
  const bool stops = GENERATE(true, false);
  if (stops) world.stop();
  world.crash();
  world.open();
  rest(world);
  CHECK(set_aside(world, kBelow) == 0);
}

TEST_CASE("what an agent of less than a second has left between what it freed is no stray") {
  World world(2, 1);
  world.format = GENERATE(Format::lines, Format::frames);
  leave_stripes(world);
  world.turn(20);
  REQUIRE(world.file.calls(MemoryFile::Op::punch) > 0);
  world.file.fail(MemoryFile::Op::punch, ENOSPC, 1, MemoryFile::How::for_ever);
  world.sink.mute.clear();
  world.turn(20);
  REQUIRE(world.checkpoint().stored_front() == world.file.size());
  world.crash();
  world.file.heal();
  world.open();
  rest(world, 10);
  CHECK(set_aside(world, kBelow) == 0);
}

TEST_CASE("what a collapse has hidden before the front is no stray to the next start") {
  World world(1, 1);
  world.quarantines = true;
  world.limits.collapse = {4096, 4096, 0};
  world.limits.collapse_delay = 5s;  // after the note of what is freed
  world.format = GENERATE(Format::lines, Format::frames);
  world.open();
  append_many(world, 0, 1000);
  rest(world, 2);
  world.sink.mute.insert(0);
  world.append("waits");
  pass(world, 10);
  REQUIRE(world.checkpoint().base() > 0);
  world.crash();
  world.sink.mute.clear();
  REQUIRE(world.file.attribute(kFreedAttribute)->has_value());
  world.open();
  rest(world, 10);
  CHECK(set_aside(world, kBelow) == 0);
}

TEST_CASE("what is found between records that wait is not freed with them", "[B1][B4]") {
  World world(2, 1);
  world.format = GENERATE(Format::lines, Format::frames);
  leave_stripes(world);
  pass(world);
  REQUIRE(world.file.text()[20000] == '\0');
  const auto record = world.bytes_of(std::string(200, 's'));
  world.file.producer_writes(20000, record.substr(0, 100));
  pass(world, 2);
  world.sink.mute.clear();
  rest(world, 2);
  world.file.producer_writes(20100, record.substr(100));
  rest(world, 10);
  const auto& last = world.sink.log(world.format == Format::lines ? 0 : 1).back().payload;
  CHECK((last == std::string(200, 's') || world.store.contents.count(std::string(200, 's')) == 1));
}

TEST_CASE("without a quarantine it stays in its place, and is counted once") {
  World world(1, 1);
  world.open();
  append_many(world, 0, 1000);
  rest(world);
  world.file.producer_writes(0, run("second", 100));
  rest(world, 10);
  CHECK(set_aside(world, kBelow) == 100);
  CHECK(world.file.text().substr(0, 13) == "second 10000\n");
  append_many(world, 1000, 1000);
  rest(world);
  CHECK(world.file.text().substr(0, 13) == "second 10000\n");
  world.check_all_arrived();
}

TEST_CASE("what is written into room that the front has passed is kept", "[B1]") {
  World world(1, 1);
  world.quarantines = true;
  world.open();
  world.append("one");
  world.file.producer_writes(1 << 20, std::string(1, '\0'));
  world.append_raw("\n");
  world.append("two");
  rest(world);
  world.file.producer_writes(20'000, "late\n");
  rest(world);
  CHECK(world.store.contents.count("late") == 1);
  CHECK(world.sink.log(0).size() == 2);
}

TEST_CASE("what is written over behind the copy of the last bytes is kept too", "[B3]") {
  Story story(20);
  auto& world = story.world;
  const auto copied = world.checkpoint().front();
  world.append_raw(run("third", 200));
  world.sink.moods.report_percent = 10;
  world.sink.moods.window = 20;
  world.pipe().wake();
  while (world.checkpoint().front() < copied + 300)
    world.turn();
  REQUIRE(world.pipe().in_flight() > 0);  // so that no copy has been made since
  world.file.producer_writes(0, run("across", 30));  // the end of the copy
  rest(world);
  for (int i = 0; i < 30; ++i)
    CHECK(story.has_kept("across " + std::to_string(10'000 + i)));
}

// Whoever begins at offset 0 twice goes over what waits to be kept into what has been done since.
TEST_CASE("what is written over strays that are known, and behind them, is kept too", "[B8]") {
  Story story;
  auto& world = story.world;
  const auto freed = world.checkpoint().front();
  world.store.fails_sync = true;
  const auto known = run("known", 50);
  world.file.producer_writes(freed.value() - known.size(), known);
  pass(world);
  REQUIRE(story.told() == 1);
  world.file.fail(MemoryFile::Op::punch, EOPNOTSUPP, 1, MemoryFile::How::for_ever);
  world.append_raw(run("third", 200));
  world.sink.moods.report_percent = 10;
  world.sink.moods.window = 20;
  world.pipe().wake();
  while (world.checkpoint().front() < freed + 800)
    world.turn();
  REQUIRE(world.pipe().in_flight() > 0);  // so that no copy has been made
  world.file.producer_writes(0, run("again", 2040));  // the last forty where more was done
  world.pipe().wake();
  world.advance(1s);
  world.turn(3);
  world.file.heal();
  world.store.fails_sync = false;
  rest(world, 10);
  for (int i = 0; i < 2040; ++i)
    CHECK(story.has_kept("again " + std::to_string(10'000 + i)));
}

TEST_CASE("what comes over the last bytes as an agent ends is found by the next one", "[B2][B9]") {
  Story story;
  auto& world = story.world;
  world.sink.mute.insert(0);
  world.sink.moods.window = 1000;
  world.append_raw(run("third", 10));
  world.pipe().wake();
  world.turn(50);
  REQUIRE(world.pipe().in_flight() == 10);
  world.file.fail(MemoryFile::Op::punch, EOPNOTSUPP, 1, MemoryFile::How::for_ever);
  world.sink.mute.clear();
  world.forwarder().stop();
  while (world.pipe().in_flight() > 0)
    world.forwarder().take_last_deliveries(world.now());
  world.file.producer_writes(0, run("again", 2005));
  world.pipe().finish(world.now());
  world.crash();
  world.file.heal();
  world.open();
  rest(world);
  for (int i = 0; i < 2005; ++i)
    CHECK(story.has_kept("again " + std::to_string(10'000 + i)));
}

TEST_CASE("what is done behind room is not freed while somebody writes through the room", "[B4]") {
  World world(1, 1);
  world.quarantines = true;
  world.limits.free_bytes_min = 4096;
  world.open();
  world.append_raw(run("first", 20));
  world.file.truncate(world.file.size() + 8192);
  world.append_raw("behind\n" + run("second", 440));
  rest(world);
  world.file.producer_writes(0, run("below", 750));  // through it, and over some of the second
  world.append_raw(run("third", 1000));
  world.sink.moods.report_percent = 10;
  world.sink.moods.window = 50;
  world.pipe().wake();
  world.turn(200);
  rest(world);
  CHECK(world.store.contents.count("below 10000") == 1);
  CHECK(world.store.contents.count("below 10748") == 1);
}

TEST_CASE("what is freed of strays above the stored front runs into no record", "[B7]") {
  World world(1, 1);
  world.quarantines = true;
  world.open();
  append_many(world, 0, 10);
  rest(world);
  world.file.fail(punchline::testing::MemoryFile::Op::set_attribute, ENOSPC, 1,
                  punchline::testing::MemoryFile::How::for_ever);
  append_many(world, 10, 10);
  rest(world);
  const auto stored = world.checkpoint().stored_front().value();
  REQUIRE(stored < world.file.size());
  world.file.producer_writes(stored, "stray\n");
  rest(world);
  REQUIRE(world.store.contents.count("stray") == 1);
  world.file.producer_writes(stored + 6, "next\n");
  world.file.heal();
  world.crash();
  world.open();
  rest(world);
  CHECK(world.sink.log(0).back().payload == "next");
}

TEST_CASE("what is between two stretches freed above the front goes with a run through both") {
  World world(2, 1);
  world.quarantines = true;
  world.config.stripe_bytes = 16;
  world.limits.free_bytes_min = 64;
  world.open();
  append_many(world, 0, 200);
  rest(world);
  const auto front = world.checkpoint().front().value();
  world.file.producer_writes(0, run("second", static_cast<int>(front / 14) - 4));
  rest(world, 8);
  const auto missing = world.sink.log(0).size() + world.sink.log(1).size();
  CHECK(missing == 200);
  for (int i = 0; i < static_cast<int>(front / 14) - 4; ++i) {
    const auto line = "second " + std::to_string(10'000 + i);
    CHECK(std::any_of(world.store.contents.begin(), world.store.contents.end(),
                      [&](const auto& content) { return content.find(line) != content.npos; }));
  }
}

TEST_CASE("what is written over while it waits to be kept is kept as the lines it is by then") {
  Story story;
  auto& world = story.world;
  world.store.fails_add = true;
  world.file.producer_writes(0, run("second", 1000));
  rest(world);
  CHECK(set_aside(world, kBelow) == 1000);
  world.file.producer_writes(0, run("a line of another length", 500));
  world.store.fails_add = false;
  rest(world, 5);
  CHECK(story.has_kept("a line of another length 10000"));
  CHECK(story.has_kept("a line of another length 10499"));
  const auto parts = std::count_if(
      world.store.contents.begin(), world.store.contents.end(), [](const auto& line) {
        return !line.starts_with("a line of another length 10") && !line.starts_with("second 10");
      });
  CHECK(parts == 1);  // the end of the line at which the second writer stopped
  CHECK(world.file.text().find("another") == std::string::npos);
}

TEST_CASE("a line that is written between two pages of a look is found whole", "[R9]") {
  Story story;
  auto& world = story.world;
  const auto line = std::string(200, 'l') + "\n";
  world.file.while_reading([&, written = false](std::uint64_t page) mutable {
    if (page != 0 || std::exchange(written, true)) return;
    world.file.producer_writes(4000, line);  // into two pages, of which one has been read
  });
  world.file.producer_writes(0, "first\n");
  world.file.producer_writes(8000, "last\n");
  rest(world);
  CHECK(world.store.contents.count(std::string(200, 'l')) == 1);
  CHECK(set_aside(world, kBelow) == 3);
}

TEST_CASE("a line that is written over the end of the data during a look is found whole") {
  Story story;
  auto& world = story.world;
  const auto line = std::string(200, 'l') + "\n";
  world.file.while_reading([&, written = false](std::uint64_t page) mutable {
    if (page != 0 || std::exchange(written, true)) return;
    world.file.producer_writes(8100, line);  // the second page of it was a hole
  });
  world.file.producer_writes(0, "first\n");
  world.file.producer_writes(8000, "last\n");
  rest(world, 10);
  CHECK(world.store.contents.count(std::string(200, 'l')) == 1);
  CHECK(set_aside(world, kBelow) == 3);
}

TEST_CASE("a line that is written over the edge between two looked at one after the other is whole") {
  Story story;
  auto& world = story.world;
  const auto line = std::string(200, 'l') + "\n";
  world.file.while_reading([&, written = false](std::uint64_t page) mutable {
    if (page != 0 || std::exchange(written, true)) return;
    world.file.producer_writes(4000, line);  // page 0 was read, page 1 was a hole
  });
  world.file.producer_writes(4000, std::string(1, '\0'));  // data, and nothing in it
  rest(world, 10);
  CHECK(world.store.contents.count(std::string(200, 'l')) == 1);
  CHECK(set_aside(world, kBelow) == 1);
}
