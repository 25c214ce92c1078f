// Frames with a time that the topic refuses.

#include "agent/core/retimed.h"

#include <algorithm>

#include "tests/support/catch.h"
#include "tests/unit/core/world.h"

using namespace punchline;
using namespace std::chrono_literals;
using punchline::testing::set_aside;
using punchline::testing::World;

namespace {

constexpr std::int64_t kNow = 1'800'000'000'000;
constexpr std::int64_t kAhead = kNow + 30LL * 24 * 3600 * 1000;

void append_of(World& world, std::int64_t time_ms, int from, int count) {
  world.time_ms = time_ms;
  append_many(world, from, count);
}

void check_times(World& world, std::uint64_t ahead) {
  std::uint64_t retimed = 0;
  for (std::int32_t partition = 0; partition < world.sink.partitions(); ++partition) {
    for (const auto& arrived : world.sink.log(partition)) {
      const bool is_retimed = arrived.refused_time_ms >= 0;
      retimed += is_retimed ? 1 : 0;
      CHECK(arrived.refused_time_ms == (is_retimed ? kAhead : -1));
      CHECK(arrived.time_ms == (is_retimed ? -1 : kNow));
    }
  }
  CHECK(retimed >= ahead);
}

World& as_operator_wants(World& world) {
  world.format = Format::frames;
  world.quarantines = true;
  world.config.timestamps = Timestamps::now_if_refused;
  world.config.order = GENERATE(Order::strict, Order::relaxed);
  world.sink.time_max_ms = kNow + 1000;
  return world;
}

}  // namespace

TEST_CASE("now_if_refused: what is refused for its time arrives in order, its own in a header") {
  World world(GENERATE(1, 3), 71);
  as_operator_wants(world);
  append_of(world, kAhead, 0, 100);
  append_of(world, kNow, 100, 300);
  append_of(world, kAhead, 400, 1);
  append_of(world, kNow, 401, 50);
  append_of(world, kAhead, 451, 20);  // and nothing behind them
  world.open();
  world.drain(100'000);
  world.check_all_arrived();
  world.check_honest();
  check_times(world, 121);
  CHECK(world.duplicates() == 0);
  CHECK(world.store.contents.empty());
  CHECK(set_aside(world, SetAsideReason::refused) == 0);
  CHECK(world.metrics().records_retimed.get() == 121);
  CHECK(std::ranges::count_if(world.log.lines, [](const auto& line) {
          return line.find("refuses the time of the record at position 0:") != std::string::npos;
        }) == 1);
}

TEST_CASE("now_if_refused: a topic that allows none of the times gets all of them") {
  World world(2, 72);
  as_operator_wants(world);
  append_of(world, kAhead, 0, 200);
  world.open();
  world.drain(100'000);
  world.check_all_arrived();
  check_times(world, 200);
  CHECK_FALSE(world.log.has("taken for a fault"));
}

TEST_CASE("now_if_refused: what is refused for itself is set aside all the same") {
  World world(2, 73);
  as_operator_wants(world);
  world.sink.objects = [](const std::string& payload) { return payload.starts_with("poison"); };
  for (int i = 0; i < 5; ++i) {
    append_of(world, kAhead, 10 * i, 10);
    world.append_undeliverable("poison " + std::to_string(i));
  }
  world.open();
  world.drain(100'000);
  world.check_all_arrived();
  world.check_set_aside_kept();
  CHECK(world.store.contents.size() == 5);
}

TEST_CASE("now_if_refused: lost clients and killed agents lose and disorder nothing") {
  World world(3, GENERATE(range(81U, 91U)));
  as_operator_wants(world);
  world.sink.moods.fail_percent = 20;
  world.sink.moods.epoch_percent = 2;
  for (int i = 0; i < 20; ++i)
    append_of(world, i % 2 == 0 ? kAhead : kNow, 20 * i, 20);
  for (int life = 0; life < 5; ++life) {
    world.open();
    for (int i = 0; i < 20 + 10 * life; ++i) {
      world.turn();
      world.advance(10ms);
    }
    world.crash();
    world.check_nothing_freed_early();
  }
  world.open();
  world.drain(100'000);
  world.check_all_arrived();
  world.check_honest();
  check_times(world, 200);
  CHECK(world.store.contents.empty());
}

TEST_CASE("as_given, or a frame without a time: set aside as before") {
  World world(1, 74);
  as_operator_wants(world);
  const bool as_given = GENERATE(true, false);
  if (as_given) world.config.timestamps = Timestamps::as_given;
  world.sink.refuses_now = !as_given;
  append_of(world, kNow, 0, 20);
  world.time_ms = as_given ? kAhead : -1;
  for (int i = 0; i < 5; ++i)
    world.append_undeliverable("refused " + std::to_string(i));
  world.open();
  if (as_given) {
    world.drain(100'000);
    CHECK(set_aside(world, SetAsideReason::refused) == 5);
  } else {
    world.drain(100'000);
    CHECK(set_aside(world, SetAsideReason::refused) == 5);
  }
  world.check_set_aside_kept();
  CHECK(world.metrics().records_retimed.get() == 0);
}

TEST_CASE("lines that are refused for the time of now wait, all of them, and come in order") {
  World world(GENERATE(1, 3), 75);
  world.quarantines = true;
  world.config.order = GENERATE(Order::strict, Order::relaxed);
  world.sink.refuses_now = true;
  append_many(world, 0, 8);  // few enough to be set aside if it were their fault
  world.open();
  for (int i = 0; i < 600; ++i) {
    if (i == 300) append_many(world, 8, 300);
    world.turn();
    world.advance(100ms);
  }
  CHECK(world.sink.offers() < 300);
  CHECK(world.metrics().state.get() == static_cast<std::uint64_t>(BufferState::refused));
  world.sink.refuses_now = false;
  append_many(world, 308, 100);
  world.drain(100'000);
  world.check_all_arrived();
  CHECK(world.duplicates() == 0);
  CHECK(world.store.contents.empty());
  CHECK(world.metrics().state.get() == static_cast<std::uint64_t>(BufferState::idle));
  CHECK(std::ranges::count_if(world.log.lines, [](const auto& line) {
          return line.find("refuses the time of now") != std::string::npos;
        }) == 1);
}

TEST_CASE("what is known of refused times is bounded, and done records are forgotten") {
  Retimed retimed;
  for (std::uint64_t at = 0; at < Retimed::kMax; ++at)
    CHECK(retimed.add(positions(at * 10, at * 10 + 10), 0));
  CHECK_FALSE(retimed.add({0, 10}, 0));
  CHECK_FALSE(retimed.add({Retimed::kMax * 10, Retimed::kMax * 10 + 10}, 0));
  CHECK(retimed.take({0, 25}) == 3);
  CHECK(retimed.take({0, 25}) == 0);
  CHECK(retimed.add({Retimed::kMax * 10, Retimed::kMax * 10 + 10}, 500));
  CHECK(retimed.take({0, 1000}) == 50);
}
