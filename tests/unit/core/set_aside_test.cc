// Records that cannot be delivered, with a quarantine and without.

#include <algorithm>
#include <string>

#include "tests/support/catch.h"
#include "tests/unit/core/world.h"

using namespace punchline;
using punchline::testing::World;
using namespace std::chrono_literals;

namespace {

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

TEST_CASE("a poison record goes to the quarantine, everything else arrives in order", "[Q1]") {
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

TEST_CASE("a poison record stays in place as long as it cannot be copied, the rest goes on",
          "[Q3]") {
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

TEST_CASE("copies of which the sync failed are made again before anything is freed", "[Q2]") {
  World world(2, 4);
  world.format = GENERATE(Format::lines, Format::frames);
  world.store.fails_sync = true;
  live_with_one_poison_record(world);
  CHECK(world.store.labels.size() > 1);
  CHECK(world.store.contents.empty());
  CHECK(world.checkpoint().front() < world.file.size());
  world.check_set_aside_kept();
  world.store.fails_sync = false;
  world.advance(1min);
  world.drain();
  CHECK(world.store.contents.size() == 1);
  CHECK(world.checkpoint().front() == world.file.size());
  world.check_all_arrived();
}

TEST_CASE("copies of which the sync fails again and again are made less and less often", "[Q2]") {
  World world(2, 4);
  world.store.fails_sync = true;
  live_with_one_poison_record(world);
  for (int second = 0; second < 600; ++second) {
    world.advance(1s);
    world.turn();
  }
  CHECK(world.store.labels.size() < 30);
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
  CHECK(set_aside(world, SetAsideReason::refused) == 0);
  CHECK(world.store.contents.empty());
  CHECK(world.log.has("taken for a fault of its settings"));
  const auto state = [&] { return static_cast<BufferState>(world.metrics().state.get()); };
  CHECK(state() == BufferState::refused);
  objects = false;
  world.drain();
  CHECK(state() == BufferState::idle);
  world.check_honest();
  CHECK(world.metrics().records_confirmed.get() == 500);
}

TEST_CASE("a record set aside stays in place, the rest goes on and comes only once", "[Q3]") {
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
                    "record_bytes_max, 100; it is kept in "));
  CHECK(world.log.has(".quarantine, and the rest goes on"));
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
