// Relaxed order: what is appended now does not wait for what lags.

#include <algorithm>
#include <string>

#include "tests/support/catch.h"
#include "tests/unit/core/world.h"

using punchline::Order;
using punchline::WhenFull;
using punchline::testing::World;

namespace {

constexpr int kBacklog = 1'000;

void append_many(World& world, const std::string& name, int count) {
  for (int i = 0; i < count; ++i)
    world.append(name + std::to_string(i) + std::string(100, '.'));
  if (world.is_open()) world.pipe().wake();
}

std::ptrdiff_t arrived(const World& world, const std::string& name) {
  std::ptrdiff_t count = 0;
  for (std::int32_t partition = 0; partition < world.sink.partitions(); ++partition) {
    const auto& log = world.sink.log(partition);
    count += std::count_if(log.begin(), log.end(),
                           [&](const auto& each) { return each.payload.starts_with(name); });
  }
  return count;
}

// A backlog is there, and leaves slowly.
struct Backlog {
  explicit Backlog(std::int32_t partitions) : world(partitions, 7) {
    world.config.order = Order::relaxed;
    world.config.drain_rate = 10'000;
    world.quarantines = true;
    append_many(world, "old ", kBacklog);
    world.open();
    world.turn(100);
  }

  void end() {
    world.drain();
    world.check_all_arrived();
    world.check_nothing_freed_early();
    world.check_honest();
    CHECK(world.checkpoint().front() == world.file.size());
  }

  World world;
};

}  // namespace

TEST_CASE("relaxed: what is appended now goes first, the backlog follows at drain_rate") {
  Backlog backlog(GENERATE(1, 3));
  World& world = backlog.world;
  for (int round = 0; round < 10; ++round) {
    append_many(world, "new " + std::to_string(round) + " ", 50);
    world.turn(100);
    CHECK(arrived(world, "new ") == 50 * (round + 1));
  }
  const auto old = arrived(world, "old ");
  CHECK(old > 80);  // of 10,000 bytes in each of 1.1 seconds
  CHECK(old < 130);
  backlog.end();
  CHECK(world.duplicates() == 0);
}

TEST_CASE("relaxed: a paced backlog leaves all partitions alike, not one after the other") {
  World world(4, 11);
  world.config.order = Order::relaxed;
  world.config.drain_rate = 10'000;
  world.config.stripe_bytes = 256;
  append_many(world, "old ", kBacklog);
  world.open();
  world.turn(4'000);
  for (std::int32_t partition = 0; partition < 4; ++partition) {
    CHECK(world.sink.log(partition).size() > 50);
    CHECK(world.sink.log(partition).size() < 200);
  }
  world.drain();
  world.check_all_arrived();
  CHECK(world.duplicates() == 0);
}

TEST_CASE("relaxed: a lane that was idle takes a burst, whoever reports meanwhile") {
  Backlog backlog(2);
  World& world = backlog.world;
  world.config.stripe_bytes = 256;
  world.turn(5'000);
  world.sink.moods.window = 5;
  append_many(world, "new ", 200);
  world.turn(200);
  CHECK(arrived(world, "new ") == 200);
  CHECK(arrived(world, "old ") < kBacklog);
  backlog.end();
}

TEST_CASE("relaxed: a partition that comes back takes first what is appended now") {
  World world(2, 3);
  world.config.order = Order::relaxed;
  world.config.drain_rate = 10'000;
  world.open();
  world.turn(10);
  world.sink.moods.window = 5;
  world.sink.mute = {1};
  append_many(world, "old ", kBacklog);
  world.turn(3'000);
  const auto before = arrived(world, "old ");
  CHECK(world.sink.log(1).empty());
  world.sink.mute.clear();
  world.turn(1'500);
  append_many(world, "new ", 20);
  world.turn(100);
  CHECK(arrived(world, "new ") == 20);
  CHECK(arrived(world, "old ") - before < 250);
  world.drain();
  world.check_all_arrived();
  CHECK(world.duplicates() == 0);
}

TEST_CASE("relaxed: a lane that has settled while all was quiet is open for what comes") {
  Backlog backlog(1);
  World& world = backlog.world;
  world.sink.moods.fail_percent = 100;
  append_many(world, "failed ", 10);
  world.turn(20);
  world.sink.moods.fail_percent = 0;
  world.turn(300);  // settled, and its delay over; the next look without a wake is later
  append_many(world, "new ", 10);
  world.turn(50);
  CHECK(arrived(world, "new ") == 10);
  CHECK(arrived(world, "old ") < kBacklog);
  backlog.end();
}

TEST_CASE("relaxed: failures of either are taken up again, nothing is lost or freed early") {
  Backlog backlog(2);
  World& world = backlog.world;
  world.sink.moods.fail_percent = 30;
  world.sink.moods.window = 7;
  for (int round = 0; round < 100; ++round) {
    append_many(world, "new " + std::to_string(round) + " ", 10);
    world.turn(50);
    if (round % 20 == 0) world.sink.moods.epoch_percent = round % 40 == 0 ? 5 : 0;
    world.check_nothing_freed_early();
  }
  world.sink.moods.fail_percent = world.sink.moods.epoch_percent = 0;
  world.advance(std::chrono::seconds(20));
  backlog.end();
}

TEST_CASE("relaxed: while a poison record is looked for its lane waits, then goes on") {
  Backlog backlog(1);
  World& world = backlog.world;
  world.sink.objects = [](const std::string& payload) { return payload.starts_with("poison "); };
  world.append_undeliverable("poison 1");
  append_many(world, "new ", 500);
  world.turn(2'000);
  CHECK(arrived(world, "new ") == 500);
  CHECK(arrived(world, "old ") < kBacklog);
  CHECK(world.store.contents.count("poison 1") == 1);
  backlog.end();
  world.check_set_aside_kept();
  CHECK(world.duplicates() == 0);
}

TEST_CASE("relaxed: kill -9 repeats what was not freed yet, and loses nothing") {
  Backlog backlog(2);
  World& world = backlog.world;
  append_many(world, "new ", 300);
  world.turn(300);
  world.crash();
  world.check_nothing_freed_early();
  world.open();
  world.turn(10);
  append_many(world, "newer ", 300);
  world.turn(500);
  CHECK(arrived(world, "newer ") == 300);
  CHECK(arrived(world, "old ") < kBacklog);
  backlog.end();
}

TEST_CASE("relaxed: the oldest of the backlog are dropped though live records are in flight") {
  World world(1, 31);
  world.config.order = Order::relaxed;
  world.config.drain_rate = 1'000;
  world.config.bytes_max = 50'000;
  world.config.when_full = WhenFull::drop_oldest;
  world.sink.moods.report_percent = 20;
  append_many(world, "old ", kBacklog);
  world.open();
  world.advance(std::chrono::seconds(10));
  int appended = 0;
  for (int i = 0; i < 200; ++i) {
    append_many(world, "new " + std::to_string(i) + " ", 3);
    appended += 3;
    world.turn(2);
    world.advance(std::chrono::milliseconds(20));
    world.check_honest();
  }
  CHECK(world.metrics().records_dropped.get() > kBacklog / 2);
  CHECK(world.metrics().data_bytes.get() <= 50'000 + 3 * 4096);
  world.drain();
  world.check_honest();
  CHECK(arrived(world, "new ") == appended);
  CHECK(world.metrics().records_confirmed.get() + world.metrics().records_dropped.get() ==
        static_cast<std::uint64_t>(kBacklog + appended));
}

TEST_CASE("relaxed: what is in flight is not dropped, however full the buffer") {
  World world(1, 32);
  world.config.order = Order::relaxed;
  world.config.drain_rate = 1;
  world.config.bytes_max = 20'000;
  world.config.when_full = WhenFull::drop_oldest;
  append_many(world, "old ", 50);
  world.open();
  world.advance(std::chrono::seconds(10));
  world.turn(10);
  world.sink.moods.report_percent = 0;
  append_many(world, "new ", 300);
  for (int i = 0; i < 50; ++i) {
    world.turn(2);
    world.advance(std::chrono::milliseconds(20));
  }
  REQUIRE(world.pipe().in_flight() >= 300);
  const auto dropped = world.metrics().records_dropped.get();
  CHECK(dropped > 0);
  CHECK(dropped <= 50);
  world.sink.moods.report_percent = 100;
  world.turn(10);
  CHECK(arrived(world, "new ") == 300);
  CHECK(world.metrics().records_dropped.get() == dropped);
  world.check_honest();
}
