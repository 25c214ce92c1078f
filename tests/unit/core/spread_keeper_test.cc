#include "agent/core/spread_keeper.h"

#include "tests/support/catch.h"
#include "tests/unit/core/desk.h"

using namespace punchline;
using punchline::testing::Desk;
using punchline::testing::desk_config;

TEST_CASE("a partition that is added takes part once nothing is in flight") {
  Desk desk;
  CHECK(desk.spread.stands(desk.now));
  desk.feeder.feed(desk.now);
  desk.sink.set_partitions(3);
  CHECK_FALSE(desk.spread.stands(desk.now));
  CHECK(desk.lanes.count() == 2);
  CHECK(desk.hear() == 100);
  CHECK(desk.spread.stands(desk.now));
  CHECK(desk.lanes.count() == 3);
  CHECK(desk.partitions.count() == 3);
  CHECK(desk.checkpoint.spread().partitions == 3);
  CHECK(desk.log.has("topic logs now has 3 partitions, 2 before"));
}

TEST_CASE("a lane that lags catches up before a partition is added") {
  Desk desk;
  desk.feeder.feed(desk.now);
  CHECK(desk.hear() == 100);
  desk.lanes.leave_behind(0, 0, desk.now);
  desk.sink.set_partitions(3);
  CHECK(desk.spread.stands(desk.now));  // by the two
  CHECK(desk.lanes.count() == 2);
  desk.lanes.level(0);
  CHECK(desk.spread.stands(desk.now));
  CHECK(desk.lanes.count() == 3);
}

TEST_CASE("partitions that are gone are not waited for") {
  Desk desk;
  desk.lanes.leave_behind(0, 0, desk.now);
  desk.sink.set_partitions(1);
  CHECK(desk.spread.stands(desk.now));
  CHECK(desk.lanes.count() == 1);
}

TEST_CASE("nothing changes in a file that was truncated meanwhile") {
  Desk desk;
  desk.feeder.feed(desk.now);
  CHECK(desk.hear() == 100);
  desk.file.truncate(10);
  desk.sink.set_partitions(3);
  CHECK_FALSE(desk.spread.stands(desk.now));
  CHECK(desk.lanes.count() == 2);
}

TEST_CASE("in relaxed order what is there when the spread changes is a backlog") {
  auto config = desk_config();
  config.order = Order::relaxed;
  Desk desk(config);
  desk.sink.set_partitions(3);
  CHECK(desk.spread.stands(desk.now));
  CHECK(desk.lanes.lagging() == 3);
}
