#include "agent/core/forwarder.h"

#include <algorithm>
#include <cerrno>
#include <string>

#include "tests/support/catch.h"
#include "tests/unit/core/world.h"

using namespace punchline;
using punchline::testing::MemoryFile;
using punchline::testing::World;
using namespace std::chrono_literals;

TEST_CASE("what is appended arrives, is confirmed and freed") {
  World world(3, 1);
  append_many(world, 0, 2000);
  world.open();
  world.drain();
  world.check_all_arrived();
  CHECK(world.duplicates() == 0);
  CHECK(world.checkpoint().front() == world.file.size());
  CHECK(world.metrics().records_confirmed.get() == 2000);
  CHECK(world.metrics().waiting_bytes.get() == 0);
  CHECK(world.metrics().oldest_unconfirmed_ms.get() == 0);
  CHECK(world.file.data_map() == "[" + std::to_string(world.file.size() / 4096 * 4096) + "," +
                                     std::to_string(world.file.size()) + ")");
}

TEST_CASE("a partition that answers nothing does not slow the others, and catches up") {
  World world(4, 3);
  world.sink.moods.window = 5;
  append_many(world, 0, 2000);
  world.sink.mute = {2};
  world.open();
  for (int i = 0; i < 3000; ++i)
    world.turn();
  CHECK(world.sink.log(2).empty());
  const auto others =
      world.sink.log(0).size() + world.sink.log(1).size() + world.sink.log(3).size();
  CHECK(others > 1400);
  world.sink.mute.clear();
  world.drain();
  world.check_all_arrived();
}

TEST_CASE("more partitions: once nothing is in flight, by the new count") {
  World world(2, 5);
  append_many(world, 0, 500);
  world.open();
  world.drain();
  world.sink.set_partitions(5);
  append_many(world, 500, 500);
  world.pipe().wake();
  world.drain();
  std::size_t total = 0;
  for (int partition = 0; partition < 5; ++partition) {
    CHECK(world.sink.log(partition).size() > 0);
    total += world.sink.log(partition).size();
  }
  CHECK(total == 1000);
}

TEST_CASE("more partitions while records are in flight: their reports come first") {
  World world(2, 5);
  append_many(world, 0, 100);
  world.open();
  world.sink.mute = {0, 1};
  world.turn(5);
  const auto in_flight = world.pipe().in_flight();
  REQUIRE(in_flight > 0);
  world.sink.set_partitions(5);
  world.turn(5);
  CHECK(world.pipe().in_flight() == in_flight);
  world.sink.mute.clear();
  world.drain();
  world.check_all_arrived();
  CHECK(world.duplicates() == 0);
  CHECK(world.metrics().partitions.get() == 5);
}

TEST_CASE(
    "more partitions while one lags behind: it catches up before records change the partition") {
  World world(2, 5);
  world.config.stripe_bytes = 256;
  world.sink.moods.window = 10;
  append_many(world, 0, 1000);
  world.open();
  world.sink.mute = {0};
  for (int i = 0; i < 500; ++i) {
    world.turn();
    world.advance(100ms);
  }
  REQUIRE(world.sink.log(0).empty());
  REQUIRE(world.sink.log(1).size() > 400);  // the other one was left behind
  world.sink.set_partitions(3);
  world.sink.mute.clear();
  world.drain();
  append_many(world, 1000, 300);
  world.pipe().wake();
  world.drain();
  world.check_all_arrived();
  CHECK(world.duplicates() == 0);
  CHECK(world.metrics().partitions.get() == 3);
  CHECK(world.sink.log(2).size() > 0);
}

TEST_CASE(
    "more partitions while one lags, and the agent ends: the next one goes by the old count") {
  World world(2, 6);
  world.config.stripe_bytes = 256;
  world.sink.mute = {0};
  world.sink.moods.window = 20;
  append_many(world, 0, 1000);
  world.open();
  for (int i = 0; i < 100; ++i) {
    world.turn(5);
    world.advance(100ms);
  }
  REQUIRE(world.sink.log(0).empty());
  REQUIRE(world.sink.log(1).size() > 400);
  world.crash();
  world.sink.set_partitions(3);
  world.sink.mute.clear();
  world.open();
  world.turn(5);
  CHECK(world.metrics().partitions.get() == 2);
  world.drain();
  append_many(world, 1000, 300);
  world.pipe().wake();
  world.drain();
  world.check_all_arrived();
  CHECK(world.metrics().partitions.get() == 3);
  CHECK(world.sink.log(2).size() > 0);
  // A later start knows of them.
  world.crash();
  world.open();
  world.turn(5);
  CHECK(world.metrics().partitions.get() == 3);
  // Another topic is another matter.
  world.sink.mute = {0};
  append_many(world, 2000, 300);
  world.pipe().wake();
  world.turn(50);
  world.crash();
  world.sink.mute.clear();
  world.sink.set_partitions(4);
  world.config.topic = "another";
  world.open();
  world.turn(5);
  CHECK(world.metrics().partitions.get() == 4);
}

TEST_CASE("a dead partition does not hold up others that have nothing left to be reported") {
  World world(3, 9);
  world.config.stripe_bytes = 256;
  world.sink.moods.window = 10;
  append_many(world, 0, 200);
  world.open();
  world.drain();
  world.sink.mute = {0, 1};
  append_many(world, 200, 2000);
  world.pipe().wake();
  world.turn(100);  // all at one moment: what the living one was given is reported by now
  for (int i = 0; i < 200; ++i) {
    world.advance(2s);
    world.turn(5);
  }
  CHECK(world.sink.log(2).size() > 600);
  world.sink.mute.clear();
  world.drain();
  world.check_all_arrived();
  CHECK(world.duplicates() == 0);
}

TEST_CASE("what a dead partition holds in memory leaves some for the others") {
  World world(3, 11);
  world.pool_bytes = 16 * ChunkPool::kChunkBytes;
  world.config.stripe_bytes = 256;
  append_many(world, 0, 200);
  world.open();
  world.drain();
  world.sink.mute = {0};
  for (std::size_t i = 0; i < 400; ++i) {  // each read is a chunk of its own
    append_many(world, 200 + i * 5, 5);
    world.pipe().wake();
    world.turn();
    world.advance(20ms);
  }
  CHECK(world.sink.log(1).size() > 600);
  CHECK(world.sink.log(2).size() > 600);
  world.sink.mute.clear();
  world.drain();
  world.check_all_arrived();
  CHECK(world.duplicates() == 0);
}

TEST_CASE("where no partition answers the agent does not read on") {
  World world(3, 10);
  world.config.stripe_bytes = 256;
  world.sink.moods.window = 40;
  append_many(world, 0, 200);
  world.open();
  world.drain();
  world.sink.mute = {0, 1, 2};
  append_many(world, 200, 5000);
  world.pipe().wake();
  for (int i = 0; i < 200; ++i) {
    world.advance(2s);
    world.turn(5);
  }
  CHECK(world.metrics().records_read.get() < 200 + 6 * 40);
  world.sink.mute.clear();
  world.drain();
  world.check_all_arrived();
  CHECK(world.duplicates() == 0);
}

TEST_CASE("a gap is skipped, the line behind it set aside, later ones delivered", "[R4]") {
  World world(1, 6);
  append_many(world, 0, 3);
  const auto gap = world.file.size();
  world.file.producer_writes(gap + 1'000'000, "second half?\n");
  append_many(world, 3, 3);
  world.open();
  world.drain();
  world.check_all_arrived();
  CHECK(set_aside(world, SetAsideReason::gap) == 1);
  CHECK(world.log.has("without O_APPEND"));
  world.stop();
  CHECK(world.checkpoint().state().gap_seen);
}

TEST_CASE("an unfinished last line waits, or is closed after partial_timeout", "[R7]") {
  World world(1, 7);
  world.append("whole");
  world.append_raw("unfinished");
  world.open();
  world.drain();
  CHECK(world.sink.log(0).size() == 1);
  CHECK(world.pipe().unfinished_bytes() == 10);
  const auto told = [&] {
    return std::count_if(world.log.lines.begin(), world.log.lines.end(), [](const auto& line) {
      return line.find("no newline for 60 s: 10 bytes wait for one; partial_timeout would") !=
             std::string::npos;
    });
  };
  const auto seconds_pass = [&](int seconds) {
    for (; seconds > 0; --seconds) {
      world.advance(1s);
      world.turn();
    }
  };
  seconds_pass(55);
  CHECK(told() == 0);
  seconds_pass(120);
  CHECK(told() == 1);
  world.crash();
  world.config.partial_timeout = 2000ms;
  world.open();
  for (int i = 0; i < 10; ++i) {
    world.turn();
    world.advance(1s);
  }
  REQUIRE(world.sink.log(0).size() == 2);
  CHECK(world.sink.log(0)[1].payload == "unfinished");
}

TEST_CASE("a filesystem that cannot free pauses the offering instead of repeating it all later") {
  World world(1, 8);
  world.limits.unfreed_bytes_max = 20'000;
  append_many(world, 0, 3000);
  world.open();
  world.file.fail(MemoryFile::Op::punch, EIO, 1, MemoryFile::How::for_ever);
  for (int i = 0; i < 300; ++i) {
    world.turn();
    world.advance(10ms);
  }
  CHECK(world.sink.log(0).size() < 1500);
  CHECK(world.metrics().state.get() == static_cast<std::uint64_t>(BufferState::paused));
  CHECK(world.log.has("punch memory.buf"));
  world.file.heal();
  world.drain();
  world.check_all_arrived();
}

TEST_CASE("with --once the end is where it was at the start") {
  World world(2, 9);
  append_many(world, 0, 100);
  world.open();
  REQUIRE(world.pipe().limit_to_present().ok());
  append_many(world, 100, 100);
  world.drain();
  CHECK(world.sink.log(0).size() + world.sink.log(1).size() == 100);
}

TEST_CASE("wakes in a burst are answered by one look a millisecond") {
  World world(1, 10);
  world.open();
  world.drain();
  const auto reads = world.file.calls(MemoryFile::Op::read_at);
  for (int i = 0; i < 100; ++i) {
    world.pipe().wake();
    world.forwarder().turn(world.now());
  }
  CHECK(world.file.calls(MemoryFile::Op::read_at) - reads <= 2);
}

TEST_CASE("idle: without a wake it looks once a second") {
  World world(1, 11);
  world.append("one");
  world.open();
  world.drain();
  world.advance(5s);
  world.turn();
  const auto operations = world.file.operations();
  for (int i = 0; i < 10'000; ++i)
    world.turn();  // ten seconds in milliseconds
  CHECK(world.file.operations() - operations < 10 * 15);
  world.append("two");  // nobody tells
  world.turn(1100);
  CHECK(world.sink.log(0).size() == 2);
}

TEST_CASE("after an I/O error what is there is read carefully", "[E1]") {
  World world(1, 12);
  world.append("before");
  world.open();
  world.drain();
  world.file.fail(MemoryFile::Op::sync_data, EIO);
  world.append("x");
  world.pipe().wake();
  world.sink.moods.report_percent = 0;
  world.turn();
  world.advance(2s);
  world.append_raw(std::string("half \0 torn\n", 12));
  world.turn(3);
  CHECK(world.checkpoint().careful_until() > 0);
  world.sink.moods.report_percent = 100;
  world.pipe().wake();
  world.drain();
  world.check_nothing_freed_early();
}

TEST_CASE("what nobody has told of is found by a look at the files") {
  World world(1, 43);
  world.open();
  append_many(world, 0, 10);
  world.drain();
  CHECK(world.forwarder().drained_by_files());
  append_many(world, 10, 1);
  CHECK(world.forwarder().drained());
  CHECK_FALSE(world.forwarder().drained_by_files());
  world.drain();
  CHECK(world.forwarder().drained_by_files());
  world.append_raw("no newline");
  CHECK(world.forwarder().drained_by_files());
  world.check_all_arrived();
}

TEST_CASE("reports for what was truncated away free nothing of what came in its place", "[E3]") {
  World world(1, 13);
  world.append("warm");
  world.open();
  world.drain();
  world.sink.moods.report_percent = 0;
  append_many(world, 0, 500);
  world.pipe().wake();
  for (int i = 0; i < 20; ++i)
    world.turn();
  REQUIRE(world.pipe().in_flight() == 500);
  world.file.truncate(0);
  const std::string fresh = std::string(20'000, 'n') + "\n";
  world.append_raw(fresh);
  world.sink.moods.report_percent = 100;
  for (int i = 0; i < 2000; ++i)
    world.turn();
  CHECK(world.pipe().shrunk());
  world.stop();
  CHECK(world.file.text() == fresh);
  CHECK(world.file.data_map() == "[0," + std::to_string(fresh.size()) + ")");
}

TEST_CASE("a pipe whose topic is not there keeps no memory from the others") {
  World world(0, 14);
  append_many(world, 0, 10);
  world.open();
  for (int i = 0; i < 100; ++i)
    world.turn();
  CHECK(world.pool().lent_bytes() == 0);
  world.sink.set_partitions(2);
  world.drain();
  world.check_all_arrived();
}

TEST_CASE("a file that has become very large says so in time") {
  World world(1, 10);
  world.append("one");
  world.open();
  world.drain();
  CHECK_FALSE(world.log.has("logical size"));
  world.file.producer_writes(1ULL << 40, "far away\n");
  world.pipe().wake();
  world.drain();
  world.advance(2s);
  world.turn();
  CHECK(
      world.log.has("its logical size is 1024 GiB, 0 GiB of it data, and it is not collapsed (a "
                    "producer without O_APPEND was here)"));
}

TEST_CASE("a collapse moves no position, whatever lags or waits", "[C1]") {
  World world(2, 11);
  world.limits.collapse = {4096, 4096, 0};
  world.limits.collapse_delay = Duration(0);
  world.limits.free_bytes_min = 4096;
  world.config.stripe_bytes = 48 * 1024;
  world.sink.mute = {0, 1};
  world.open();
  for (int i = 0; i < 300; ++i)
    world.append("record " + std::to_string(i) + std::string(200, 'x'));
  world.pipe().wake();
  world.turn(50);
  world.sink.moods.epoch_percent = 100;  // both lanes lag from the front on, which is 0
  world.turn();
  world.sink.moods = {.window = 5};
  world.sink.mute = {};  // one goes first; what it frees is cut off before the other one's turn
  for (int round = 0; round < 5; ++round) {
    world.drain();
    world.advance(2s);
    world.append("round " + std::to_string(round) + std::string(5000, 'y'));
    world.pipe().wake();
    for (int i = 0; i < 200; ++i) {
      world.turn();
      REQUIRE(world.metrics().waiting_bytes.get() <= world.file.size());
    }
  }
  world.drain();
  CHECK(world.checkpoint().base() > 60'000);
  CHECK(world.file.size() < 20'000);
  CHECK(world.log.has("collapsed by"));
  world.check_all_arrived();
  world.check_honest();
}

TEST_CASE("frames poured from another buffer into an empty one arrive behind a torn front") {
  World world(1, 9);
  world.open();
  world.drain();
  std::string frames;
  FrameRecord record;
  record.payload = "freed in part";
  encode_frame(record, 7, frames);
  frames.erase(0, 20);
  record.payload = "poured";
  encode_frame(record, 7, frames);
  world.append_raw(frames);
  world.pipe().wake();
  world.drain();
  CHECK(set_aside(world, SetAsideReason::damaged) == 1);
  REQUIRE(world.sink.log(0).size() == 1);
  CHECK(world.sink.log(0).front().payload == "poured");
}
