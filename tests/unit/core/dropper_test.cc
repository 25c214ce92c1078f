#include "agent/core/dropper.h"

#include "tests/support/catch.h"
#include "tests/unit/core/desk.h"

using namespace punchline;
using punchline::testing::Desk;
using punchline::testing::desk_config;
using namespace std::chrono_literals;

namespace {

BufferConfig drops() {
  auto config = desk_config();
  config.when_full = WhenFull::drop_oldest;
  config.bytes_max = 700;
  return config;
}

}  // namespace

TEST_CASE("what is over the limit is dropped from the front on, and no more than that") {
  Desk desk(drops());
  desk.now += 10s;
  desk.gauges.show_now(0, desk.now);
  desk.dropper.drop(desk.now);
  CHECK(desk.metrics.records_dropped.get() == 30);
  CHECK(desk.ledger.front() == 300);
  desk.dropper.drop(desk.now);  // nothing was measured since
  CHECK(desk.metrics.records_dropped.get() == 30);
}

TEST_CASE("Kafka has ten seconds first") {
  Desk desk(drops());
  desk.gauges.show_now(0, desk.now);
  desk.now += 9s;
  desk.dropper.drop(desk.now);
  CHECK(desk.ledger.front() == 0);
}

TEST_CASE("only where the operator wants that") {
  auto config = drops();
  config.when_full = WhenFull::block;
  Desk desk(config);
  desk.now += 10s;
  desk.gauges.show_now(0, desk.now);
  desk.dropper.drop(desk.now);
  CHECK(desk.ledger.front() == 0);
}

TEST_CASE("what is with the sink is not dropped, newer records are") {
  Desk desk(drops());
  desk.sink.moods.window = 10;
  desk.feeder.feed(desk.now);
  REQUIRE(desk.lanes.in_flight() == 20);
  desk.now += 10s;
  desk.gauges.show_now(20, desk.now);
  desk.dropper.drop(desk.now);
  CHECK(desk.metrics.records_dropped.get() == 30);
  CHECK(desk.ledger.undone_bytes({0, 200}) == 200);
  CHECK(desk.ledger.is_done({200, 500}));
}
