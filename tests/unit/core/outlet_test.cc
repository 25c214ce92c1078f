#include "agent/core/outlet.h"

#include <string>

#include "buffer/space.h"
#include "tests/support/catch.h"
#include "tests/support/memory_file.h"
#include "tests/support/scripted_sink.h"

using namespace punchline;
using punchline::testing::MemoryFile;
using punchline::testing::ScriptedSink;
using namespace std::chrono_literals;
using Pace = Outlet::Pace;

namespace {

const TimePoint kStart{1h};

/// A hundred lines of ten bytes, in stripes of a hundred bytes, which go to two partitions.
struct Desk {
  explicit Desk(std::uint64_t bytes_per_second = 0)
      : outlet(sink, pool, "logs", lanes, partitions, bytes_per_second) {
    const auto wanted = partitions.wanted(2);
    partitions.set(wanted, wanted);
    REQUIRE(pass.fill(kPositionMax).ok());
  }

  static std::string lines() {
    std::string text;
    for (int i = 0; i < 100; ++i)
      text += "123456789\n";
    return text;
  }
  static BufferConfig settings() {
    BufferConfig config;
    config.stripe_bytes = 100;
    return config;
  }
  /// How many were sent.
  std::size_t send(std::size_t lane, Pace pace = Pace::free) {
    const auto run = outlet.next(pass, lane, kPositionMax, pace);
    if (run.empty()) return 0;
    const auto taken = outlet.send(lane, run, pace, kStart);
    pass.take(taken);
    return taken;
  }

  const BufferConfig config = settings();
  MemoryFile file{lines()};
  Space space{file, Format::lines};
  ScriptedSink sink{2, 1};
  ChunkPool pool{4 * ChunkPool::kChunkBytes};
  Pass pass{space, pool, 0};
  Partitions partitions{config};
  Lanes lanes{2, 1};
  Outlet outlet;
};

}  // namespace

TEST_CASE("what goes to a lane ends with its stripe") {
  Desk desk;
  CHECK(desk.outlet.partitions_told() == 2);
  CHECK(desk.send(0) == 10);
  CHECK(desk.pass.at() == 100);
  CHECK(desk.send(1) == 10);
  CHECK(desk.lanes[0].in_flight == 10);
  CHECK(desk.lanes[1].in_flight == 10);
}

TEST_CASE("a lane that is full takes nothing, the others do") {
  Desk desk;
  desk.sink.moods.window = 10;
  CHECK(desk.send(0) == 10);
  CHECK_FALSE(desk.outlet.takes(0));
  CHECK(desk.send(0) == 0);
  CHECK(desk.outlet.takes_any());
  CHECK(desk.send(1) == 10);
  CHECK_FALSE(desk.outlet.takes_any());
}

TEST_CASE("nothing is let out while it is held") {
  Desk desk;
  desk.outlet.hold(true);
  CHECK_FALSE(desk.outlet.takes_any());
  CHECK(desk.send(0) == 0);
  desk.outlet.hold(false);
  CHECK(desk.send(0) == 10);
}

TEST_CASE("the last quarter of the memory is for lanes that have nothing in flight") {
  Desk desk;
  REQUIRE(desk.send(0) == 10);
  for (int chunk = 0; chunk < 3; ++chunk)
    REQUIRE(desk.pool.lend(0, 0) != nullptr);
  CHECK_FALSE(desk.outlet.takes(0));
  CHECK(desk.outlet.takes(1));
}

TEST_CASE("drain_rate closes after what it allows, and only for those it is for") {
  Desk desk(200);
  REQUIRE(desk.outlet.is_open(kStart));
  CHECK(desk.outlet.open_due(kStart) == TimePoint::max());
  CHECK(desk.send(0, Pace::limited) == 2);  // a tenth of a second, payloads of 9 bytes
  CHECK(desk.send(0, Pace::limited) == 1);  // one always fits
  CHECK(desk.send(0, Pace::limited) == 0);
  CHECK_FALSE(desk.outlet.is_open(kStart));
  const auto due = desk.outlet.open_due(kStart);
  CHECK(due > kStart);
  CHECK(desk.send(0, Pace::free) == 7);
  CHECK(desk.outlet.is_open(due));
}
