#include "agent/forwarder.h"

#include <algorithm>
#include <cerrno>
#include <string>

#include "tests/support/catch.h"
#include "tests/unit/core/world.h"

using namespace punchline;
using punchline::testing::MemoryFile;
using punchline::testing::World;
using namespace std::chrono_literals;

namespace {

void append_many(World& world, int from, int count) {
  for (int i = from; i < from + count; ++i) {
    world.append("record " + std::to_string(i) + std::string(50, '.'));
  }
}

std::uint64_t set_aside(World& world, SetAsideReason reason) {
  return world.metrics().records_set_aside[static_cast<std::size_t>(reason)].get();
}

// Five seconds of it, with a quarantine that may fail.
void live_with_one_poison_record(World& world) {
  world.quarantines = true;
  world.sink.objects = [](const std::string& payload) { return payload.find("poison") == 0; };
  append_many(world, 0, 100);
  world.append_undeliverable("poison");
  append_many(world, 100, 100);
  world.open();
  for (int i = 0; i < 500; ++i) {
    world.turn();
    world.advance(10ms);
  }
}

}  // namespace

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

TEST_CASE("without a quarantine a poison record stays in place, and the rest goes on past it") {
  World world(4, 2);
  world.format = GENERATE(Format::lines, Format::frames);
  world.sink.objects = [](const std::string& payload) { return payload.find("poison") == 0; };
  append_many(world, 0, 200);
  world.append_undeliverable("poison");
  append_many(world, 200, 200);
  for (int run = 0; run < 2; ++run) {
    world.open();
    world.drain();
    world.check_all_arrived();
    world.check_nothing_freed_early();
    world.check_set_aside_kept();
    world.check_honest();
    CHECK(set_aside(world, SetAsideReason::refused) == 1);
    CHECK(world.checkpoint().front() < world.file.size());
    world.crash();
  }
}

TEST_CASE("a poison record goes to the quarantine, everything else arrives in order") {
  World world(3, 4);
  world.format = GENERATE(Format::lines, Format::frames);
  world.quarantines = true;
  world.sink.objects = [](const std::string& payload) { return payload.find("poison") == 0; };
  for (int i = 0; i < 6; ++i) {
    append_many(world, 100 * i, 100);
    world.append_undeliverable("poison " + std::to_string(i));
  }
  world.open();
  world.drain();
  world.check_all_arrived();
  world.check_nothing_freed_early();
  world.check_set_aside_kept();
  world.check_honest();
  CHECK(set_aside(world, SetAsideReason::refused) == 6);
  CHECK(world.store.contents.size() == 6);
  REQUIRE(world.store.labels.size() == 6);
  CHECK(world.store.labels[0].reason == SetAsideReason::refused);
  REQUIRE(world.store.labels[0].refusal);
  CHECK(world.store.labels[0].refusal->error == "MSG_SIZE_TOO_LARGE");
  CHECK(world.checkpoint().front() == world.file.size());
  CHECK(world.duplicates() == 0);
}

TEST_CASE("what goes to the quarantine keeps its NULs where it is whole") {
  World world(1, 7);
  world.quarantines = true;
  world.config.record_bytes_max = 20;
  world.sink.objects = [](const std::string& payload) { return payload.size() > 10; };
  const std::string two(2, '\0');
  const std::string many(5000, '\0');
  world.append("first");
  world.append_undeliverable(two + "a poison" + two);
  world.append_undeliverable(two + "an oversize record" + two);
  world.append_undeliverable("ends in an oversize way" + many);
  world.append_raw(many + "behind a gap" + two + "\n");
  world.open();
  world.drain();
  world.check_set_aside_kept();
  CHECK(world.store.contents.size() == 4);
  CHECK(world.store.contents.count("behind a gap") == 1);
  CHECK(world.checkpoint().front() == world.file.size());
}

TEST_CASE("a poison record stays in place as long as it cannot be copied, the rest goes on") {
  World world(2, 4);
  world.store.fails_add = true;
  live_with_one_poison_record(world);
  world.check_all_arrived();
  CHECK(world.store.contents.empty());
  CHECK(world.checkpoint().front() < world.file.size());
  world.check_set_aside_kept();
  world.store.fails_add = false;
  world.advance(2s);
  world.drain();
  CHECK(world.store.contents.size() == 1);
  CHECK(world.checkpoint().front() == world.file.size());
}

TEST_CASE("more set aside than can wait for their copies: the others are met again, counted once") {
  World world(1, 4);
  world.format = GENERATE(Format::lines, Format::frames);
  world.quarantines = true;
  world.config.record_bytes_max = 30;
  world.open();
  const bool fails = GENERATE(false, true);
  world.store.fails_add = fails;
  constexpr std::uint64_t kMany = 10'000;
  for (std::uint64_t i = 0; i < kMany; ++i) {
    const auto number = std::to_string(i);
    world.append_undeliverable("over the limit of thirty bytes " + number);
    if (i % 10 == 0) world.append("within it " + number);
  }
  if (fails) {
    for (int i = 0; i < 100; ++i)
      world.turn();
    CHECK(set_aside(world, SetAsideReason::oversize) == kMany);
    world.store.fails_add = false;
    world.advance(2s);
    // With trouble behind it, it counts as drained meanwhile.
    const auto moved = [&] { return world.metrics().records_quarantined.get(); };
    for (int i = 0; i < 1000 && moved() < kMany; ++i)
      world.turn();
  }
  world.drain();
  world.check_all_arrived();
  world.check_set_aside_kept();
  world.check_honest();
  CHECK(world.store.contents.size() == kMany);
  CHECK(world.store.labels.size() == kMany);
  CHECK(world.metrics().records_quarantined.get() == kMany);
  CHECK(set_aside(world, SetAsideReason::oversize) == kMany);
  CHECK(world.duplicates() == 0);
  CHECK(world.checkpoint().front() == world.file.size());
  CHECK(world.metrics().waiting_bytes.get() == 0);
}

TEST_CASE("copies of which the sync failed are made again before anything is freed") {
  World world(2, 4);
  world.format = GENERATE(Format::lines, Format::frames);
  world.store.fails_sync = true;
  live_with_one_poison_record(world);
  CHECK(world.store.labels.size() > 1);
  CHECK(world.store.contents.empty());
  CHECK(world.checkpoint().front() < world.file.size());
  world.check_set_aside_kept();
  world.store.fails_sync = false;
  world.advance(1s);
  world.drain();
  CHECK(world.store.contents.size() == 1);
  CHECK(world.checkpoint().front() == world.file.size());
  world.check_all_arrived();
}

TEST_CASE("poison records that had to stay hold up nothing in the next run either") {
  World world(GENERATE(1, 3), 6);
  world.format = GENERATE(Format::lines, Format::frames);
  world.quarantines = true;
  world.store.fails_add = true;
  world.sink.objects = [](const std::string& payload) { return payload.find("poison") == 0; };
  for (int i = 0; i < 25; ++i) {
    append_many(world, 100 * i, 30);
    world.append_undeliverable("poison " + std::to_string(i));
  }
  world.open();
  for (int i = 0; i < 1000; ++i) {
    world.turn();
    world.advance(10ms);
  }
  world.check_all_arrived();
  world.pipe().finish(world.now());  // frees what was delivered between them
  world.crash();
  append_many(world, 10'000, 100);
  world.open();
  for (int i = 0; i < 1000; ++i) {
    world.turn();
    world.advance(10ms);
  }
  world.check_all_arrived();
  world.store.fails_add = false;
  world.advance(2s);
  world.drain();
  CHECK(world.store.contents.size() == 25);
}

TEST_CASE("a topic that refuses everything empties no buffer into the quarantine") {
  World world(2, 5);
  world.quarantines = true;
  bool objects = true;
  world.sink.objects = [&](const std::string&) { return objects; };
  append_many(world, 0, 500);
  world.open();
  for (int i = 0; i < 3000; ++i) {
    world.turn();
    world.advance(100ms);
  }
  CHECK(set_aside(world, SetAsideReason::refused) == RefusalRate::kRefusedMax);
  CHECK(world.store.contents.size() == RefusalRate::kRefusedMax);
  CHECK(world.log.has("taken for a fault of its settings"));
  const auto state = [&] { return static_cast<BufferState>(world.metrics().state.get()); };
  CHECK(state() == BufferState::refused);
  objects = false;
  world.drain();
  CHECK(state() == BufferState::idle);
  world.check_honest();
  CHECK(world.metrics().records_confirmed.get() == 490);
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

TEST_CASE("a record set aside stays in place, the rest goes on and comes only once") {
  World world(1, 4);
  world.config.record_bytes_max = 100;
  append_many(world, 0, 10);
  const auto front = world.file.size();
  world.append_raw(std::string(101, 'L') + "\n");
  append_many(world, 10, 3000);
  world.open();
  world.drain();
  world.check_all_arrived();
  CHECK(set_aside(world, SetAsideReason::oversize) == 1);
  CHECK(world.checkpoint().front() == front);
  CHECK(world.log.has("set aside, oversize"));
  const auto confirmed = world.metrics().records_confirmed.get();
  world.stop();
  world.crash();
  CHECK(world.file.text().substr(front, 102) == std::string(101, 'L') + "\n");
  World after(1, 4);
  after.config = world.config;
  after.file = world.file;
  after.open();
  after.drain();
  CHECK(confirmed == 3010);
  CHECK(after.sink.offers() == 0);
  CHECK(set_aside(after, SetAsideReason::oversize) == 1);
}

TEST_CASE("of what is set aside the first is told at once, the others once a minute together") {
  World world(1, 4);
  world.config.record_bytes_max = 100;
  const auto set_aside_lines = [&] {
    return std::count_if(world.log.lines.begin(), world.log.lines.end(), [](const auto& line) {
      return line.find(" set aside") != std::string::npos;
    });
  };
  const std::string oversize = std::string(101, 'L') + "\n";
  world.append_raw(oversize);
  world.open();
  world.drain();
  CHECK(
      world.log.has("record at 0 (102 bytes) set aside, oversize: it is longer than "
                    "record_bytes_max, 100; it is kept"));
  world.append_raw(oversize + oversize + oversize);
  for (int second = 0; second < 58; ++second) {
    world.advance(1s);
    world.turn();
  }
  CHECK(set_aside(world, SetAsideReason::oversize) == 4);
  CHECK(set_aside_lines() == 1);
  for (int second = 0; second < 60; ++second) {
    world.advance(1s);
    world.turn();
  }
  CHECK(set_aside_lines() == 2);
  CHECK(
      world.log.has(": 3 more set aside in the last 60 s, the last at position 306 (102 bytes), "
                    "oversize: "));
  world.append_raw(oversize);
  world.advance(1s);
  world.turn(5);
  CHECK(set_aside_lines() == 2);
  world.stop();
  CHECK(set_aside_lines() == 3);
  CHECK(world.log.has(": 1 more set aside in the last"));
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

TEST_CASE("a gap is skipped, the line behind it set aside, later ones delivered") {
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

TEST_CASE("an unfinished last line waits, or is closed after partial_timeout") {
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
  CHECK(world.file.operations() - operations < 10 * 10);
  world.append("two");  // nobody tells
  world.turn(1100);
  CHECK(world.sink.log(0).size() == 2);
}

TEST_CASE("after an I/O error what is there is read carefully") {
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

TEST_CASE("reports for what was truncated away free nothing of what came in its place") {
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

TEST_CASE("a collapse moves no position, whatever lags or waits") {
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
