// Records on which nothing is heard.

#include <algorithm>

#include "tests/support/catch.h"
#include "tests/unit/core/world.h"

using namespace punchline;
using punchline::testing::World;
using namespace std::chrono_literals;

namespace {

std::string state_of(World& world) {
  return std::string(kBufferStateNames[world.metrics().state.get()]);
}

std::size_t told(const World& world) {
  return static_cast<std::size_t>(
      std::count_if(world.log.lines.begin(), world.log.lines.end(), [](const std::string& line) {
        return line.find("nothing was confirmed for 30 s although ") != line.npos;
      }));
}

void pass(World& world, Duration time) {
  for (Duration passed{}; passed < time; passed += 500ms) {
    world.advance(500ms);
    world.turn();
  }
}

}  // namespace

TEST_CASE("a silent partition shows after five seconds, and is told where nobody else knows why") {
  World world(2, 1);
  world.config.stripe_bytes = 4096;
  world.sink.mute = {0};
  append_many(world, 0, 1);
  world.open();
  world.turn(2);
  pass(world, 4s);
  CHECK(state_of(world) == "forwarding");
  CHECK(world.metrics().partitions_silent.get() == 0);
  pass(world, 2s);
  CHECK(state_of(world) == "kafka_away");
  CHECK(world.metrics().partitions_silent.get() == 1);
  const bool is_known = GENERATE(false, true);
  if (is_known) world.sink.known_trouble = "broker 1 cannot be reached";
  pass(world, 60s);
  CHECK(told(world) == (is_known ? 0 : 1));
  world.sink.mute.clear();
  world.turn(3);
  CHECK(world.metrics().partitions_silent.get() == 0);
  CHECK(state_of(world) != "kafka_away");
}

TEST_CASE("a topic that does not exist is told from a Kafka that is away") {
  World world(0, 1);
  const bool is_missing = GENERATE(true, false);
  world.sink.missing = is_missing;
  append_many(world, 0, 1);
  world.open();
  world.turn(3);
  CHECK(state_of(world) == (is_missing ? "topic_missing" : "kafka_away"));
}

TEST_CASE("the patience with a silence begins when a trouble that was known is over") {
  World world(1, 1);
  world.sink.mute = {0};
  world.sink.known_trouble = "no broker answers";
  append_many(world, 0, 1);
  world.open();
  pass(world, GENERATE(20s, 35s));
  world.sink.known_trouble.clear();
  pass(world, 28s);
  CHECK(told(world) == 0);
  pass(world, 5s);
  CHECK(told(world) == 1);
}

TEST_CASE("Kafka is not away while brokers answer that records are to come again") {
  World world(1, 1);
  world.sink.moods.fail_percent = 100;
  append_many(world, 0, 10);
  world.open();
  bool is_up = true;
  SECTION("they answer") {}
  SECTION("they do not") { is_up = world.sink.up = false; }
  bool seen_away = false;
  for (int i = 0; i < 100; ++i) {
    world.advance(10ms);
    world.turn();
    seen_away = seen_away || state_of(world) == "kafka_away";
  }
  CHECK(seen_away == !is_up);
}
