#include "agent/core/aside.h"

#include <set>
#include <string>

#include "sinks/kafka_codes.h"
#include "tests/support/catch.h"
#include "tests/unit/core/desk.h"

using namespace punchline;
using punchline::testing::Desk;
using punchline::testing::desk_config;
using punchline::testing::kDeskStart;
using namespace std::chrono_literals;

namespace {

const TimePoint kStart = kDeskStart;

/// All of it has been read.
struct ReadDesk : Desk {
  explicit ReadDesk(bool has_store = true) : Desk(desk_config(), has_store) {
    ledger.note_read(1000);
  }
};

/// Of the line that begins there, sent alone.
Delivery refusal(Position begin) {
  Delivery delivery;
  delivery.range = {begin, begin + 10};
  delivery.records = 1;
  delivery.outcome = Outcome::refused;
  delivery.code = kafka_codes::kMsgSizeTooLarge;
  delivery.alone = true;
  return delivery;
}

Item set_aside(ByteRange range, SetAsideReason reason) {
  return {range, Item::Kind::set_aside, reason, 0, 0};
}

}  // namespace

TEST_CASE("what is set aside is done once its copy is durable, and not before", "[Q1]") {
  ReadDesk desk;
  desk.books.ledger.done({0, 500});
  auto& ledger = desk.books.ledger;
  ledger.note_read(500);
  desk.aside.take(set_aside({500, 510}, SetAsideReason::oversize));
  CHECK(desk.records_set_aside(SetAsideReason::oversize) == 1);
  CHECK(ledger.read_to() == 510);
  CHECK_FALSE(ledger.is_done({500, 510}));
  desk.store.fails_sync = true;
  desk.aside.settle(kStart);
  CHECK_FALSE(ledger.is_done({500, 510}));
  CHECK(desk.log.has("what is set aside stays in the buffer: store"));
  CHECK(desk.aside.due() == kStart + 1s);
  desk.store.fails_sync = false;
  desk.aside.settle(kStart + 999ms);
  CHECK_FALSE(ledger.is_done({500, 510}));
  desk.aside.settle(kStart + 1s);
  CHECK(ledger.is_done({500, 510}));
  CHECK(ledger.aside().empty());
  CHECK(desk.store.contents == std::set<std::string>{"line 150."});
  CHECK(desk.metrics.records_quarantined.get() == 1);
}

TEST_CASE("what is met once more is neither counted nor copied twice") {
  ReadDesk desk;
  desk.books.ledger.note_read(500);
  for (int i = 0; i < 3; ++i)
    desk.aside.take(set_aside({500, 510}, SetAsideReason::oversize));
  desk.aside.settle(kStart);
  desk.aside.take(set_aside({500, 510}, SetAsideReason::oversize));
  desk.aside.settle(kStart);
  CHECK(desk.records_set_aside(SetAsideReason::oversize) == 1);
  CHECK(desk.store.labels.size() == 1);
}

TEST_CASE("without a quarantine all stays, and counts as set aside", "[Q3]") {
  ReadDesk desk(false);
  desk.books.ledger.note_read(500);
  desk.aside.take(set_aside({500, 510}, SetAsideReason::oversize));
  CHECK(desk.aside.take_refused({0, 10}, {0, kafka_codes::kMsgSizeTooLarge, "TOO_LARGE"}));
  desk.aside.settle(kStart);
  desk.aside.finish(kStart);
  CHECK(desk.books.ledger.front() == 0);
  CHECK(desk.books.ledger.aside().bytes() == 20);
  CHECK(desk.books.ledger.holds({0, 10}));  // else it would be offered again
  CHECK_FALSE(desk.aside.is_busy());
}

TEST_CASE("a refused record is kept with the destination's reason, once another has arrived") {
  ReadDesk desk;
  const auto refused = refusal(100);
  CHECK_FALSE(desk.refusals.note(refused, kStart));
  desk.refusals.settle();
  CHECK_FALSE(desk.books.ledger.holds(refused.range));
  CHECK(desk.refusals.judge().holds(refused.range));
  Delivery arrived = refused;
  arrived.range = {110, 120};
  desk.refusals.note_arrival(arrived, kStart);
  desk.refusals.settle();
  CHECK(desk.books.ledger.holds(refused.range));
  desk.aside.settle(kStart);
  CHECK(desk.books.ledger.is_done(refused.range));
  REQUIRE(desk.store.labels.size() == 1);
  REQUIRE(desk.store.labels[0].refusal);
  CHECK(desk.store.labels[0].refusal->error == "MSG_SIZE_TOO_LARGE");
}

TEST_CASE("where each is refused the topic is blamed, told once, and nothing is set aside") {
  ReadDesk desk;
  for (std::uint64_t i = 0; i < 100; ++i)
    desk.refusals.note(refusal(Position(i * 10)), kStart);
  CHECK(desk.refusals.judge_at_end(kStart));
  CHECK(desk.refusals.judge_at_end(kStart));
  CHECK(desk.log.lines.size() == 1);
  CHECK(desk.log.has("taken for a fault of its settings"));
  desk.refusals.settle();
  CHECK(desk.books.ledger.held_ranges() == 0);
  // The first of them arrives: the topic was mended, and all lanes go back to it.
  Delivery arrived = refusal(0);
  desk.refusals.note_arrival(arrived, kStart);
  CHECK_FALSE(desk.refusals.judge().blames_topic());
  CHECK(desk.lanes.lagging() == 2);
}

TEST_CASE("for the time of now a clock is blamed, once, and no line") {
  ReadDesk desk;
  auto refused = refusal(0);
  refused.code = kafka_codes::kInvalidTimestamp;
  CHECK(desk.refusals.is_fault_of_clock(refused));
  CHECK(desk.refusals.is_fault_of_clock(refused));
  CHECK(desk.log.lines.size() == 1);
  CHECK(desk.log.has("the clock of this machine or of the broker is wrong"));
  CHECK_FALSE(desk.refusals.is_fault_of_clock(refusal(0)));
}
