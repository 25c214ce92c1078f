// Whose fault a refusal is: the record's, or that of a topic which takes nothing.

#include "agent/core/unjudged.h"

#include "tests/support/catch.h"
#include "tests/unit/core/world.h"

using namespace punchline;
using punchline::testing::World;
using namespace std::chrono_literals;

namespace {

bool is_poison(const std::string& payload) {
  return payload.starts_with("poison");
}

void append_poisons(World& world, int from, int count) {
  for (int i = from; i < from + count; ++i)
    world.append_undeliverable("poison " + std::to_string(i));
}

void live(World& world, int turns, Duration step) {
  for (int i = 0; i < turns; ++i) {
    world.turn();
    world.advance(step);
  }
}

World& with_poisons(World& world) {
  world.format = GENERATE(Format::lines, Format::frames);
  world.config.order = GENERATE(Order::strict, Order::relaxed);
  world.quarantines = true;
  world.sink.objects = is_poison;
  return world;
}

void check_all_settled(World& world, std::uint64_t poisons) {
  world.check_all_arrived();
  world.check_nothing_freed_early();
  world.check_set_aside_kept();
  world.check_honest();
  CHECK(world.store.contents.size() == poisons);
  CHECK(world.checkpoint().front() == world.file.size());
}

BufferState state(World& world) {
  return static_cast<BufferState>(world.metrics().state.get());
}

}  // namespace

TEST_CASE("a block of refused records before good ones: set aside, and the rest arrives in order") {
  World world(GENERATE(1, 3), 11);
  with_poisons(world);
  append_poisons(world, 0, 6000);  // more than the quarantine takes at once
  append_many(world, 0, 300);
  world.open();
  world.drain(100'000);
  check_all_settled(world, 6000);
  CHECK(set_aside(world, SetAsideReason::refused) == 6000);
  CHECK_FALSE(world.log.has("taken for a fault"));
}

TEST_CASE("good records between blocks of refused ones") {
  World world(2, 12);
  with_poisons(world);
  for (int i = 0; i < 5; ++i) {
    append_poisons(world, 100 * i, 100);
    append_many(world, 100 * i, 20);
  }
  world.open();
  world.drain(100'000);
  check_all_settled(world, 500);
}

TEST_CASE("refused records alone wait, and are set aside when a good one comes at last") {
  World world(2, 13);
  with_poisons(world);
  append_poisons(world, 0, 50);
  world.open();
  live(world, 500, 100ms);
  CHECK(world.store.contents.empty());
  CHECK(set_aside(world, SetAsideReason::refused) == 0);
  CHECK(state(world) == BufferState::refused);
  CHECK(world.log.has("taken for a fault of its settings"));
  append_poisons(world, 50, 10);
  append_many(world, 0, 10);
  live(world, 500, 100ms);
  world.drain();
  check_all_settled(world, 60);
  CHECK(state(world) == BufferState::idle);
}

TEST_CASE("a topic that is mended gets all that it refused, in order, and nothing is set aside") {
  World world(GENERATE(1, 3), 14);
  with_poisons(world);
  bool mended = false;
  world.sink.objects = [&](const std::string&) { return !mended; };
  append_many(world, 0, 400);
  world.open();
  live(world, 3000, 100ms);
  append_many(world, 400, 100);  // while it is known not to take anything
  live(world, 300, 100ms);
  CHECK(world.metrics().records_confirmed.get() == 0);
  mended = true;
  world.drain();
  check_all_settled(world, 0);
  CHECK(set_aside(world, SetAsideReason::refused) == 0);
  CHECK(world.duplicates() == 0);
}

TEST_CASE("an agent that ends while nobody knows whose fault it is leaves all in its place") {
  World world(2, 15);
  with_poisons(world);
  append_poisons(world, 0, 200);
  append_many(world, 0, 50);
  for (int life = 0; life < 5; ++life) {
    world.open();
    live(world, 20 + 10 * life, 10ms);
    world.crash();
    world.check_nothing_freed_early();
    world.check_set_aside_kept();
  }
  world.open();
  world.drain();
  check_all_settled(world, 200);
}

TEST_CASE("there is a limit to what is not judged: then the topic is blamed, and tried in order") {
  World world(1, 16);
  world.quarantines = true;
  bool mended = false;
  world.sink.objects = [&](const std::string&) { return !mended; };
  append_many(world, 0, static_cast<int>(Unjudged::kMax) + 100);
  world.open();
  live(world, 50'000, 20ms);
  CHECK(world.store.contents.empty());
  CHECK(state(world) == BufferState::refused);
  mended = true;
  world.drain(100'000);
  check_all_settled(world, 0);
  CHECK(world.duplicates() == 0);
}

TEST_CASE("ten records at the end of a buffer are set aside though nothing arrives behind them") {
  World world(1, 17);
  with_poisons(world);
  append_many(world, 0, 20);
  append_poisons(world, 0, 10);
  world.open();
  world.drain();
  check_all_settled(world, 10);
}

namespace {

/// Of a compacted topic, to a record without key: it tells nothing of the record.
constexpr std::int32_t kInvalidRecord = 87;

}  // namespace

TEST_CASE("where no record has ever arrived none is set aside, however few they are") {
  World world(GENERATE(1, 3), 18);
  with_poisons(world);
  world.sink.objection = kInvalidRecord;
  world.open();
  for (int i = 0; i < 15; ++i) {  // one after the other: each comes to the end alone
    append_poisons(world, i, 1);
    world.pipe().wake();
    live(world, 100, 100ms);
    REQUIRE(state(world) == BufferState::refused);
    REQUIRE(world.pipe().is_refused());
  }
  CHECK(set_aside(world, SetAsideReason::refused) == 0);
  CHECK(world.store.contents.empty());
  CHECK(world.log.has("nothing of that is set aside"));
  const bool is_mended = GENERATE(true, false);
  if (is_mended) world.sink.objects = [](const std::string&) { return false; };
  if (!is_mended) append_many(world, 0, 1);
  world.pipe().wake();
  live(world, 1000, 100ms);
  CHECK(state(world) == BufferState::idle);
  CHECK_FALSE(world.pipe().is_refused());
  CHECK(set_aside(world, SetAsideReason::refused) == (is_mended ? 0 : 15));
  CHECK(world.metrics().records_confirmed.get() == (is_mended ? 15 : 1));
}

TEST_CASE("what an earlier run has freed speaks for the topic") {
  World world(1, 19);
  with_poisons(world);
  world.sink.objection = kInvalidRecord;
  append_many(world, 0, 20);
  world.open();
  world.drain();
  world.crash();
  append_poisons(world, 0, 2);
  world.open();
  world.drain();
  check_all_settled(world, 2);
}

TEST_CASE("a record that is refused for its size is set aside though nothing has ever arrived") {
  World world(1, 20);
  with_poisons(world);
  append_poisons(world, 0, 1);
  world.open();
  world.drain();
  check_all_settled(world, 1);
}

TEST_CASE("what a topic refuses that takes nothing is counted among what stays at the end") {
  World world(1, 21);
  with_poisons(world);
  world.sink.objection = kInvalidRecord;
  append_poisons(world, 0, 3);
  world.open();
  live(world, 100, 100ms);
  world.pipe().finish(world.now());
  CHECK(world.pipe().rest().records == 3);
  CHECK(world.pipe().rest().bytes == world.file.size());
}
