#include "agent/core/below_front.h"

#include <string>

#include "tests/support/catch.h"
#include "tests/unit/core/desk.h"

using namespace punchline;
using punchline::testing::Desk;
using namespace std::chrono_literals;

namespace {

/// All of it is delivered, and freed.
struct EmptyDesk : Desk {
  EmptyDesk() {
    feeder.feed(now);
    hear();
    REQUIRE(ledger.front() == 1000);
    books.freer.finish(now);
    below.look(now);
    now += 1s;
  }
};

}  // namespace

TEST_CASE("a line that is written below the front is set aside, told, and freed once it is kept") {
  EmptyDesk desk;
  desk.file.producer_writes(0, "stray\n");
  desk.below.look(desk.now);
  CHECK(desk.records_set_aside(SetAsideReason::written_below_front) == 1);
  CHECK(desk.log.has("let it append"));
  CHECK(desk.checkpoint.state().gap_seen);
  desk.aside.settle(desk.now);
  CHECK(desk.store.contents.count("stray") == 1);
  desk.books.freer.finish(desk.now);
  CHECK(desk.file.text().find("stray") == std::string::npos);
  desk.now += 1s;
  desk.below.look(desk.now);
  CHECK(desk.records_set_aside(SetAsideReason::written_below_front) == 1);
}

TEST_CASE("it is looked for each second, and sooner when hurried", "[B7]") {
  EmptyDesk desk;
  desk.below.look(desk.now);
  CHECK(desk.below.due() == desk.now + 1s);
  desk.below.hurry(desk.now + 1ms);
  CHECK(desk.below.due() == desk.now + 1ms);
}

TEST_CASE("a file that was truncated and appended to holds no strays") {
  EmptyDesk desk;
  desk.file.truncate(0);
  desk.file.producer_appends("new\n");
  desk.below.look(desk.now);
  CHECK(desk.shrink.has_shrunk());
  CHECK(desk.records_set_aside(SetAsideReason::written_below_front) == 0);
}

TEST_CASE("what waits and is written over is counted as lost, and told", "[B6][G2]") {
  Desk desk;
  desk.below.look(desk.now);
  desk.now += 1s;
  desk.file.producer_writes(0, "other\n");
  desk.below.look(desk.now);
  CHECK(desk.metrics.bytes_lost[static_cast<std::size_t>(LossReason::overwritten)].get() > 0);
  CHECK(desk.log.has("written over while it waited"));
}
