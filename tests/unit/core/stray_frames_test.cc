// Frames that stand where everything was done: buffer/FORMAT.md, "Below the front".

#include <algorithm>
#include <cerrno>
#include <set>
#include <utility>

#include "agent/core/stray_frames.h"
#include "tests/support/catch.h"
#include "tests/unit/core/strays_story.h"

using namespace punchline;
using namespace std::chrono_literals;
using punchline::testing::append_many;
using punchline::testing::pass;
using punchline::testing::set_aside;
using punchline::testing::World;

namespace {

constexpr auto kBelow = SetAsideReason::written_below_front;
constexpr std::pair<std::size_t, std::size_t> kOnce{1, 1};

/// A buffer of frames that has delivered and freed a thousand of them.
struct Story {
  explicit Story(std::int32_t partitions = 1) : world(partitions, 1) {
    world.quarantines = true;
    world.format = Format::frames;
    world.open();
    append_many(world, 0, 1000);
    rest(world);
    delivered = arrived();
    REQUIRE(delivered == 1000);
  }
  std::size_t arrived() {
    std::size_t count = 0;
    for (std::int32_t partition = 0; partition < world.sink.partitions(); ++partition)
      count += world.sink.log(partition).size();
    return count;
  }
  std::string frames(const std::string& name, int count, std::size_t bytes = 10) {
    std::string all;
    for (int i = 0; i < count; ++i)
      all += world.bytes_of(name + " " + std::to_string(i) + " " + std::string(bytes, 'f'));
    return all;
  }
  /// How often each of `count` has arrived: the least, and the most.
  std::pair<std::size_t, std::size_t> times(const std::string& name, int count) {
    std::multiset<std::string> heads;
    for (std::int32_t partition = 0; partition < world.sink.partitions(); ++partition)
      for (const auto& record : world.sink.log(partition))
        heads.insert(record.payload.substr(0, record.payload.rfind(' ')));
    std::set<std::size_t> all;
    for (int i = 0; i < count; ++i)
      all.insert(heads.count(name + " " + std::to_string(i)));
    return {*all.begin(), *all.rbegin()};
  }
  bool is_clean(std::uint64_t offset, std::size_t bytes) {
    return world.file.text().substr(offset, bytes).find_first_not_of('\0') == std::string::npos;
  }
  World world;
  std::size_t delivered = 0;
};

}  // namespace

TEST_CASE("frames written from offset 0 are delivered from there, told once, and freed", "[B1]") {
  Story story(GENERATE(1, 3));
  auto& world = story.world;
  const auto front = world.checkpoint().front().value();
  const auto below = story.frames("below", 200);
  world.file.producer_writes(0, below);
  rest(world);
  CHECK(story.times("below", 200) == kOnce);
  CHECK(set_aside(world, kBelow) == 0);
  CHECK(story.is_clean(0, below.size()));
  CHECK(world.checkpoint().front() == front);
  CHECK(world.checkpoint().state().gap_seen);
  CHECK(std::count_if(world.log.lines.begin(), world.log.lines.end(), [](const auto& line) {
          return line.find("written_below_front") != std::string::npos &&
                 line.find("O_APPEND") != std::string::npos;
        }) == 1);
  world.check_honest();
  world.append("last");
  rest(world);
  CHECK(story.arrived() == story.delivered + 201);
}

TEST_CASE("frames below the front are not freed before they are delivered", "[B1]") {
  Story story;
  auto& world = story.world;
  const auto below = story.frames("below", 20);
  world.sink.mute.insert(0);
  world.file.producer_writes(0, below);
  pass(world, 10);
  CHECK(world.pipe().in_flight() > 0);
  CHECK_FALSE(world.pipe().drained());
  CHECK(world.file.text().substr(0, below.size()) == below);
  SECTION("nor where the agent is killed") {
    world.crash();
    CHECK(world.file.text().substr(0, below.size()) == below);
    world.open();
  }
  SECTION("nor where the client is lost") {
    world.sink.moods.epoch_percent = 100;
    world.turn();
    world.sink.moods.epoch_percent = 0;
    CHECK(world.file.text().substr(0, below.size()) == below);
  }
  world.sink.mute.clear();
  rest(world);
  CHECK(story.times("below", 20).first >= 1);
  CHECK(story.is_clean(0, below.size()));
}

TEST_CASE("what comes in the place of frames that are on their way is delivered too") {
  Story story;
  auto& world = story.world;
  world.sink.mute.insert(0);
  world.file.producer_writes(0, story.frames("first", 20));
  pass(world, 3);
  REQUIRE(world.pipe().in_flight() == 20);
  world.file.producer_writes(0, story.frames("second", 5, 300));
  world.sink.mute.clear();
  rest(world, 10);
  CHECK(story.times("first", 20) == kOnce);
  CHECK(story.times("second", 5).first >= 1);
}

TEST_CASE("what comes in the place of frames that wait to be freed is delivered too") {
  Story story;
  auto& world = story.world;
  const std::size_t bytes = GENERATE(0, 10, 90);
  world.file.fail(punchline::testing::MemoryFile::Op::punch, EIO, 1,
                  punchline::testing::MemoryFile::How::for_ever);
  world.file.producer_writes(0, story.frames("first", 20));
  rest(world, 10);
  REQUIRE(story.times("first", 20) == kOnce);
  world.file.producer_writes(0, story.frames("other", 15, bytes));
  world.file.heal();
  rest(world, 10);
  CHECK(story.times("other", 15) == kOnce);
  CHECK(story.is_clean(0, 2000));
  CHECK(world.store.contents.size() == (bytes == 0 ? 1 : 0));  // what is left of one of the first
}

TEST_CASE("a frame that begins in one which is on its way is delivered whole") {
  Story story;
  auto& world = story.world;
  const auto first = story.frames("first", 20);
  world.sink.mute.insert(0);
  world.file.producer_writes(0, first);
  pass(world, 3);
  REQUIRE(world.pipe().in_flight() == 20);
  world.file.producer_writes(first.size() - 30, story.frames("second", 1, 300));
  pass(world, 10);
  world.sink.mute.clear();
  rest(world, 10);
  CHECK(story.times("first", 20) == kOnce);
  CHECK(story.times("second", 1) == kOnce);
}

TEST_CASE("a frame that ends in one which waits is delivered whole") {
  Story story;
  auto& world = story.world;
  const auto first = story.frames("first", 5);
  world.file.producer_writes(1000, first);
  world.sink.mute.insert(0);
  append_many(world, 1000, 300);  // so that the partition has no room
  world.sink.moods.window = 1;
  pass(world, 3);
  world.file.producer_writes(900, story.frames("second", 1, 150));
  pass(world, 10);
  world.sink.mute.clear();
  rest(world, 10);
  CHECK(story.times("second", 1) == kOnce);
}

TEST_CASE("frames below the front of which some are refused hold nothing up") {
  Story story;
  auto& world = story.world;
  world.sink.objects = [](const std::string& payload) { return payload.starts_with("poison"); };
  const auto poison = story.frames("poison", 1);
  world.file.producer_writes(0, story.frames("before", 5) + poison + story.frames("behind", 5));
  append_many(world, 1000, 100);
  rest(world, 20);
  CHECK(story.times("behind", 5) == kOnce);
  CHECK(story.times("before", 5) == kOnce);
  CHECK(world.store.contents.count(poison) == 1);
  CHECK(set_aside(world, kBelow) == 1);
  CHECK(story.arrived() == story.delivered + 110);
  world.check_honest();
}

TEST_CASE("frames below the front are delivered while all else waits for what is to be freed") {
  Story story;
  auto& world = story.world;
  world.crash();
  world.limits.unfreed_bytes_max = 0;
  world.open();
  world.file.producer_writes(0, story.frames("below", 3));
  world.sink.moods.fail_percent = 100;
  pass(world, 2);
  world.sink.moods.fail_percent = 0;
  pass(world, 20);
  CHECK(world.metrics().state.get() == static_cast<std::uint64_t>(BufferState::paused));
  CHECK(story.times("below", 3).first >= 1);
}

TEST_CASE("a frame below the front is refused for good three times alone, or twelve with others",
          "[B1]") {
  StrayFrames frames;
  const ByteRange one{0, 60};
  for (int i = 1; i < 12; ++i)
    CHECK(frames.refused(one, false));
  CHECK_FALSE(frames.refused(one, false));
  frames.pass(one);
  CHECK(frames.refused(one, true));
  CHECK(frames.refused(one, true));
  CHECK(frames.refused(one, false));
  CHECK_FALSE(frames.refused(one, true));
}

TEST_CASE("frames below the front beside bytes that are none are told apart") {
  Story story;
  auto& world = story.world;
  const auto torn = story.frames("torn", 1, 900).substr(0, 300);
  world.file.producer_writes(0, story.frames("one", 3) + torn + story.frames("two", 3) + "junk");
  rest(world, 10);
  CHECK(story.times("one", 3) == kOnce);
  CHECK(story.times("two", 3) == kOnce);
  CHECK(world.store.contents.count(torn) == 1);
  CHECK(world.store.contents.count("junk") == 1);
  CHECK(set_aside(world, kBelow) == 2);
  CHECK(world.file.text().find("junk") == std::string::npos);
  world.check_honest();
}

TEST_CASE("a frame below the front that is too large is set aside, and holds nothing up") {
  Story story;
  auto& world = story.world;
  world.crash();
  world.config.record_bytes_max = 500;
  world.open();
  const auto large = story.frames("large", 1, 501);
  world.file.producer_writes(0, large + story.frames("small", 3));
  rest(world, 10);
  CHECK(world.store.contents.count(large) == 1);
  CHECK(set_aside(world, kBelow) == 1);
  CHECK(story.times("small", 3) == kOnce);
}

TEST_CASE("what comes between frames that were delivered is delivered, though none is freed meanwhile") {
  Story story;
  auto& world = story.world;
  const auto first = story.frames("first", 1, 800);
  const std::string nuls(2000, '\0');
  world.file.fail(punchline::testing::MemoryFile::Op::punch, EIO, 1,
                  punchline::testing::MemoryFile::How::for_ever);
  // It begins with what is no frame, so that all of it is read as one stretch.
  world.file.producer_writes(0, "junk" + nuls + first);
  rest(world, 10);
  REQUIRE(story.times("first", 1) == kOnce);
  world.file.producer_writes(1000, story.frames("between", 1));
  world.file.heal();
  rest(world, 10);
  CHECK(story.times("between", 1) == kOnce);
}

TEST_CASE("a frame below the front that is still being written is waited for") {
  Story story;
  auto& world = story.world;
  const auto frame = story.frames("slow", 1, 800);
  world.file.producer_writes(0, frame.substr(0, 400));
  rest(world, 2);
  CHECK(set_aside(world, kBelow) == 0);
  world.file.producer_writes(400, frame.substr(400));
  rest(world, 2);
  CHECK(story.times("slow", 1) == kOnce);
  CHECK(set_aside(world, kBelow) == 0);
}

TEST_CASE("what waits for others beside it is taken as soon as they are done") {
  Story story;
  auto& world = story.world;
  world.sink.mute.insert(0);
  world.file.producer_writes(0, story.frames("early", 5));
  world.file.producer_writes(2000, "junk" + story.frames("late", 1));
  pass(world, 7);
  CHECK(set_aside(world, kBelow) == 0);
  world.sink.mute.clear();
  rest(world, 2);
  CHECK(story.times("early", 5) == kOnce);
  CHECK(story.times("late", 1) == kOnce);
}

TEST_CASE("a frame below the front that is larger than what is looked at is delivered") {
  Story story;
  auto& world = story.world;
  append_many(world, 1000, 9000);
  rest(world);
  const auto large = story.frames("large", 1, 400'000);
  world.file.producer_writes(0, story.frames("small", 2) + large + story.frames("last", 2));
  rest(world, 12);
  CHECK(story.times("small", 2) == kOnce);
  CHECK(story.times("large", 1) == kOnce);
  CHECK(story.times("last", 2) == kOnce);
  CHECK(set_aside(world, kBelow) == 0);
}

TEST_CASE("frames that begin in place of others among the last bytes before the front are delivered") {
  Story story;
  auto& world = story.world;
  // The first begins where one of the old ones did, with the same marker and salt.
  const auto old_bytes = world.bytes_of("record 999" + std::string(50, '.')).size();
  const auto at = world.checkpoint().front().value() - 20 * old_bytes;
  const auto over = story.frames("over", 10);
  world.file.producer_writes(at, over);
  rest(world, 10);
  CHECK(story.times("over", 10) == kOnce);
}

TEST_CASE("frames written below the front while no agent ran are delivered by the next one") {
  Story story;
  auto& world = story.world;
  const bool is_killed = GENERATE(true, false);
  if (!is_killed) world.pipe().finish(world.now());
  world.crash();
  world.file.producer_writes(0, story.frames("below", 100));
  world.open();
  rest(world);
  CHECK(story.times("below", 100) == kOnce);
  CHECK(set_aside(world, kBelow) == 0);
}

// A start would free what it does not take for clean, and that is noted once a second.
TEST_CASE("frames that go on into what was just done are all delivered, though the agent is killed",
          "[B3]") {
  Story story;
  auto& world = story.world;
  const auto noted = world.checkpoint().front().value();
  world.crash();
  world.limits.sync_delay = 1min;
  world.open();
  append_many(world, 1000, 400);
  world.sink.moods.report_percent = 10;
  world.sink.moods.window = 20;
  world.pipe().wake();
  while (world.checkpoint().front() < noted + 8000)
    world.turn();
  const auto front = world.checkpoint().front().value();
  const auto one = story.frames("below", 1).size();
  const auto count = static_cast<int>((front - 1000) / (one + 2));
  world.file.producer_writes(0, story.frames("below", count));
  world.pipe().wake();
  while (!story.is_clean(0, noted))
    world.turn();
  CHECK(story.times("below", count).first == 0);
  world.crash();
  world.open();
  rest(world, 10);
  CHECK(story.times("below", count).first >= 1);
}

TEST_CASE("frames that go on behind the copy of the last bytes are delivered, whatever it ends with") {
  Story story;
  auto& world = story.world;
  const auto copied = world.checkpoint().front().value();
  append_many(world, 1000, 200);
  world.sink.moods.report_percent = 10;
  world.sink.moods.window = 20;
  world.pipe().wake();
  while (world.checkpoint().front() < copied + 3000)
    world.turn();
  REQUIRE(world.pipe().in_flight() > 0);  // so that no copy has been made since
  const auto last = world.file.text()[copied - 1];
  std::string over;
  for (int i = 0; over.empty() || over.back() != last; ++i)
    over = story.frames("over" + std::to_string(i), 1, 60);
  world.file.producer_writes(copied - over.size(), over + story.frames("behind", 10));
  world.sink.moods.report_percent = 100;
  rest(world, 10);
  CHECK(story.times("behind", 10).first >= 1);
}

TEST_CASE("a frame that reaches across the front frees nothing that waits", "[B3]") {
  Story story;
  auto& world = story.world;
  world.sink.mute.insert(0);
  for (int i = 0; i < 10; ++i)
    world.append_raw(story.frames("waits", 1, static_cast<std::size_t>(100 + i)));
  const auto front = world.checkpoint().front().value();
  world.file.producer_writes(front - 60, story.frames("across", 1, 100));
  pass(world, 10);
  const auto text = world.file.text();
  for (std::size_t i = 1; i < 10; ++i)
    CHECK(text.find("waits 0 " + std::string(100 + i, 'f')) != std::string::npos);
  world.crash();
  world.sink.mute.clear();
  world.open();
  rest(world);
  CHECK(story.times("waits", 1).first >= 9);
}
