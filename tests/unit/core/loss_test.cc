// What was taken away before it was delivered is counted, told and noted (buffer/FORMAT.md, "What
// was lost").

#include <cerrno>

#include <catch2/catch.hpp>

#include "tests/unit/core/world.h"

namespace punchline::testing {
namespace {

using namespace std::chrono_literals;

Loss noted(World& world, LossReason reason) {
  const auto losses = noted_losses(world.file);
  REQUIRE(losses.ok());
  return loss_of(*losses, reason);
}

std::uint64_t records_lost(World& world, LossReason reason) {
  return world.metrics().records_lost[static_cast<std::size_t>(reason)].get();
}

std::uint64_t bytes_lost(World& world, LossReason reason) {
  return world.metrics().bytes_lost[static_cast<std::size_t>(reason)].get();
}

}  // namespace

TEST_CASE("truncated with records waiting: what is gone is told, counted and noted", "[E3][G1]") {
  World world(1, 41);
  world.sink.mute = {0};
  world.open();
  append_many(world, 0, 10);
  const auto size = world.file.size();
  world.turn(3);
  SECTION("to nothing") {
    world.truncate(0);
    CHECK(world.log.has(std::to_string(size) + " bytes from position 0 on are gone, 10 records"));
    CHECK(world.log.has("what is on its way to Kafka may still arrive"));
    CHECK(records_lost(world, LossReason::truncated) == 10);
    CHECK(bytes_lost(world, LossReason::truncated) == size);
    world.turn(2);
    CHECK(noted(world, LossReason::truncated).times == 1);
    CHECK(noted(world, LossReason::truncated).records == 10);
    CHECK(noted(world, LossReason::truncated).bytes == size);
  }
  SECTION("to a part: what stays is no loss, and is counted as read once") {
    const auto half = size / 2;
    world.truncate(half);
    CHECK(world.log.has(std::to_string(size - half) + " bytes from position " +
                        std::to_string(half) + " on are gone, 5 records"));
    CHECK(records_lost(world, LossReason::truncated) == 5);
    world.sink.mute = {};
    world.drain();
    CHECK(world.metrics().records_confirmed.get() == 5);
  }
  SECTION("and what is on its way arrives in time: that is no loss") {
    world.sink.mute = {};
    world.truncate(0);
    CHECK(world.sink.log(0).size() == 10);
    CHECK(world.metrics().records_confirmed.get() == 10);
    CHECK_FALSE(world.log.has("are gone"));
    CHECK(noted(world, LossReason::truncated).times == 1);  // who is killed now has said so
    world.turn(2);
    CHECK(noted(world, LossReason::truncated).times == 0);
  }
  SECTION("and nothing waited") {
    world.sink.mute = {};
    world.drain();
    world.truncate(0);
    CHECK_FALSE(world.log.has("are gone"));
    CHECK(bytes_lost(world, LossReason::truncated) == 0);
  }
  append_many(world, 100, 3);
  world.sink.mute = {};
  world.drain();
  world.turn(2);
  world.check_honest();
  CHECK(world.metrics().records_unsettled.get() == 0);
  CHECK(world.metrics().bytes_unsettled.get() == 0);
}

TEST_CASE("truncated with more waiting than was read: its bytes are known, and count as read") {
  World world(1, 42);
  world.pool_bytes = 1 << 20;
  world.sink.mute = {0};
  world.open();
  for (int i = 0; i < 400; ++i)
    world.append("record " + std::to_string(i) + std::string(10'000, '.'));
  const auto size = world.file.size();
  world.turn(5);
  const auto read = world.metrics().records_read.get();
  REQUIRE(read < 400);
  world.truncate(0);
  CHECK(records_lost(world, LossReason::truncated) == read);
  CHECK(bytes_lost(world, LossReason::truncated) == size);
  world.turn();
  world.check_honest();
  CHECK(world.metrics().bytes_read.get() == size);
}

TEST_CASE("grown again beyond what waited: no more than that is gone") {
  World world(1, 43);
  world.sink.mute = {0};
  world.open();
  append_many(world, 0, 10);
  const auto size = world.file.size();
  world.turn(3);
  world.file.truncate(0);
  world.append_raw(std::string(2 * size, 'n') + "\n");
  world.truncate(world.file.size());
  CHECK(world.log.has("truncated with data in it that was not delivered: up to " +
                      std::to_string(size) + " bytes"));
  CHECK(bytes_lost(world, LossReason::truncated) == size);
}

TEST_CASE("what could not be noted is noted as soon as it can be, once", "[G1]") {
  World world(1, 44);
  world.sink.mute = {0};
  world.open();
  append_many(world, 0, 10);
  world.turn(3);
  world.truncate(0);
  world.file.fail(MemoryFile::Op::set_attribute, ENOSPC, 1, MemoryFile::How::for_ever);
  world.turn(3);
  CHECK(noted(world, LossReason::truncated).records == 0);
  world.file.heal();
  world.advance(1s);
  world.turn(3);
  CHECK(noted(world, LossReason::truncated).records == 10);
  CHECK(noted(world, LossReason::truncated).times == 1);
}

TEST_CASE("what drop_oldest drops is noted before the front passes it", "[G4]") {
  World world(2, 45);
  world.config.bytes_max = 20'000;
  world.config.when_full = WhenFull::drop_oldest;
  world.sink.moods.window = 20;
  world.sink.mute = {0, 1};
  world.open();
  world.advance(10s);
  append_many(world, 0, 2000);
  for (int i = 0; i < 200; ++i) {
    const auto dropped = world.metrics().records_dropped.get();
    world.turn();
    CHECK(noted(world, LossReason::dropped).records == dropped);
    world.advance(100ms);
  }
  CHECK(world.metrics().records_dropped.get() > 1500);
  CHECK(records_lost(world, LossReason::dropped) == world.metrics().records_dropped.get());
}

}  // namespace punchline::testing
