// What a buffer costs that cannot go on.

#include "tests/support/catch.h"
#include "tests/unit/core/world.h"

using namespace punchline;
using punchline::testing::MemoryFile;
using punchline::testing::World;
using namespace std::chrono_literals;
using Op = MemoryFile::Op;

// The window may be full of another buffer's records.
TEST_CASE("what no partition takes is read once a second, however often the agent turns") {
  World world(2, 1);
  world.sink.moods.window = 0;
  append_many(world, 0, 1000);
  world.open();
  world.turn(5);
  const auto reads = world.file.calls(Op::read_at);
  const auto looks = world.file.calls(Op::facts);
  for (int i = 0; i < 100; ++i) {
    if (i % 10 == 0) append_many(world, 1000 + i, 1);
    if (i % 10 == 0) world.pipe().wake();
    world.turn();
    world.advance(10ms);
  }
  CHECK(world.file.calls(Op::read_at) - reads < 50);
  CHECK(world.file.calls(Op::facts) - looks < 30);
  world.sink.moods.window = 1000;
  world.turn(3);
  CHECK(world.metrics().records_confirmed.get() > 0);
  world.drain();
  world.check_all_arrived();
}
