#include "agent/core/feeder.h"

#include <string>

#include "tests/support/catch.h"
#include "tests/unit/core/desk.h"

using namespace punchline;
using punchline::testing::Desk;
using punchline::testing::desk_config;
using namespace std::chrono_literals;
using Fed = Feeder::Fed;

namespace {

BufferConfig relaxed() {
  auto config = desk_config();
  config.order = Order::relaxed;
  return config;
}

/// One report for the first that is in flight on this partition: it did not arrive.
void fail_first(Desk& desk, std::int32_t partition, ByteRange range, std::uint32_t records) {
  Delivery failed;
  failed.lane.partition = partition;
  failed.range = range;
  failed.records = records;
  failed.outcome = Outcome::not_persisted;
  desk.lanes.take(failed, desk.now);
}

}  // namespace

TEST_CASE("everything is offered once, each record to its lane, and then nothing is left") {
  Desk desk;
  CHECK(desk.feeder.feed(desk.now) == Fed::at_end);
  CHECK(desk.lanes[0].in_flight == 50);
  CHECK(desk.lanes[1].in_flight == 50);
  CHECK(desk.metrics.records_read.get() == 100);
  CHECK(desk.tail.is_reached());
  CHECK(desk.hear() == 100);
  CHECK(desk.ledger.front() == 1000);
  CHECK(desk.feeder.feed(desk.now) == Fed::at_end);
  CHECK(desk.metrics.records_read.get() == 100);
}

TEST_CASE("a full lane holds up the main pass while it is heard of, and is left behind when not") {
  Desk desk;
  desk.sink.moods.window = 10;
  CHECK(desk.feeder.feed(desk.now) == Fed::waiting);
  CHECK(desk.feeder.at() == 200);  // ten records on each of both
  desk.sink.mute = {0};
  CHECK(desk.hear() == 10);
  CHECK(desk.feeder.feed(desk.now) == Fed::waiting);
  CHECK(desk.feeder.at() == 200);
  for (int i = 0; i < 8; ++i) {  // the other one goes on, a stripe each time
    desk.now += 1s;
    desk.hear();
    desk.feeder.feed(desk.now);
  }
  CHECK(desk.lanes.lags(0));
  CHECK(desk.lanes[0].resume() == Position(200));
  CHECK(desk.sink.log(1).size() >= 40);
  CHECK(desk.metrics.records_read.get() == 100);
}

TEST_CASE("a lane that fell behind is brought level by its own pass, and nothing twice") {
  Desk desk(GENERATE(false, true) ? relaxed() : desk_config());
  desk.sink.moods.window = 10;
  desk.feeder.feed(desk.now);
  desk.lanes.leave_behind(0, 200, desk.now);
  desk.sink.moods.window = 1000;
  for (int i = 0; i < 20; ++i) {
    desk.hear();
    desk.feeder.feed(desk.now);
  }
  CHECK(desk.lanes.lagging() == 0);
  CHECK(desk.ledger.front() == 1000);
  CHECK(desk.sink.log(0).size() == 50);
  CHECK(desk.sink.log(1).size() == 50);
  CHECK(desk.metrics.records_read.get() == 100);
}

TEST_CASE("where all lag the main pass stands in strict order, and reads on in relaxed") {
  const bool is_relaxed = GENERATE(false, true);
  Desk desk(is_relaxed ? relaxed() : desk_config());
  desk.sink.moods.window = 10;
  desk.feeder.feed(desk.now);
  fail_first(desk, 0, {0, 100}, 10);
  fail_first(desk, 1, {100, 200}, 10);
  REQUIRE(desk.lanes.all_lag());
  desk.feeder.feed(desk.now);
  CHECK(desk.feeder.at() == (is_relaxed ? 1000 : 200));
}

TEST_CASE("what is appended in nobody's hearing is looked for each second, and held up no sooner") {
  Desk desk;
  desk.feeder.feed(desk.now);
  CHECK(desk.feeder.next_look(desk.now) == desk.now + Tail::kLookDelay);
  desk.tail.wake();
  CHECK(desk.feeder.next_look(desk.now) == desk.now + Tail::kWakesTogether);
  desk.feeder.wait();
  CHECK(desk.feeder.next_look(desk.now) == desk.now + Tail::kLookDelay);
}

TEST_CASE("a last line without newline is told, or closed when the operator wants that") {
  auto config = desk_config();
  config.partial_timeout = GENERATE(0ms, 2000ms);
  Desk desk(config);
  desk.file.producer_appends("unfinished");
  desk.feeder.feed(desk.now);
  CHECK(desk.feeder.unfinished_bytes() == 10);
  desk.now += 1s;
  desk.feeder.feed(desk.now);
  CHECK(desk.file.size() == 1010);
  desk.now += 60s;
  desk.feeder.feed(desk.now);
  const bool closes = config.partial_timeout > 0ms;
  CHECK(desk.file.size() == (closes ? 1011 : 1010));
  CHECK(desk.log.has("the last line has had no newline for 60 s") == !closes);
}

TEST_CASE("nothing is offered that begins at the limit or after it") {
  Desk desk;
  desk.feeder.set_until(505);
  CHECK(desk.feeder.feed(desk.now) == Fed::at_end);
  CHECK(desk.hear() == 51);
}

TEST_CASE("while the topic is blamed its first record alone is tried") {
  Desk desk;
  desk.ledger.note_read(1000);
  desk.refusals.judge().note({{0, 10}, 0, 10});
  desk.refusals.judge().note({{10, 20}, 0, 10});
  REQUIRE(desk.refusals.judge().blame(desk.now));
  desk.now = std::max(desk.now, desk.refusals.judge().probe_due());
  CHECK(desk.feeder.probe(desk.now) == Fed::waiting);
  CHECK(desk.lanes.in_flight() == 1);
  CHECK(desk.feeder.probe(desk.now) == Fed::waiting);
  CHECK(desk.lanes.in_flight() == 1);
  REQUIRE(desk.hear() == 1);
  CHECK(desk.sink.log(0).front().payload == "line 100.");
}
