#include "agent/core/truncation.h"

#include "tests/support/catch.h"
#include "tests/unit/core/desk.h"

using namespace punchline;
using namespace std::chrono_literals;
using punchline::testing::Desk;

namespace {

Loss lost(Desk& desk, LossReason reason) {
  REQUIRE(desk.losses.store(desk.now).ok());
  return loss_of(*noted_losses(desk.file), reason);
}

}  // namespace

TEST_CASE("a file that was cut is seen at the next look, and warned of once") {
  Desk desk;
  desk.feeder.feed(desk.now);
  CHECK_FALSE(desk.truncation.look_when_due(desk.now));
  desk.file.truncate(500);
  CHECK_FALSE(desk.truncation.look_when_due(desk.now));
  desk.now += 1s;
  CHECK(desk.truncation.look_when_due(desk.now));
  CHECK(desk.truncation.look());
  REQUIRE(desk.log.lines.size() == 1);
  CHECK(desk.log.has("truncated while up to 500 bytes waited"));
  CHECK(lost(desk, LossReason::truncated).bytes == 500);  // should the agent be killed now
}

TEST_CASE("what arrived after all of a file that was cut is not lost, the rest is counted") {
  Desk desk;
  desk.feeder.feed(desk.now);
  desk.file.truncate(500);
  REQUIRE(desk.truncation.look());
  desk.sink.mute = {1};
  CHECK(desk.hear() == 50);
  desk.truncation.give_up(LossReason::truncated);
  const auto gone = lost(desk, LossReason::truncated);
  CHECK(gone.records == 30);  // of the stripes above 500, those of the other partition
  CHECK(gone.bytes == 300);
  CHECK(desk.log.has("300 bytes from position 500 on are gone, 30 records of them read"));
}

TEST_CASE("of a file that is gone all that waits is lost, read or not") {
  Desk desk;
  desk.sink.moods.window = 10;
  desk.feeder.feed(desk.now);
  CHECK(desk.hear() == 20);
  desk.truncation.give_up(LossReason::deleted);
  CHECK(lost(desk, LossReason::deleted).bytes == 800);
}

TEST_CASE("where nothing waits nothing is lost") {
  Desk desk;
  desk.feeder.feed(desk.now);
  CHECK(desk.hear() == 100);
  desk.file.truncate(0);
  CHECK(desk.truncation.look());
  desk.truncation.give_up(LossReason::truncated);
  CHECK(desk.log.lines.empty());
  CHECK(lost(desk, LossReason::truncated).bytes == 0);
}
