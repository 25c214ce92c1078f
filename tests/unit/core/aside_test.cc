#include "agent/core/aside.h"

#include <string>

#include "agent/core/refusals.h"
#include "sinks/kafka_codes.h"
#include "tests/support/catch.h"
#include "tests/support/memory_file.h"
#include "tests/unit/core/books.h"
#include "tests/unit/core/world.h"

using namespace punchline;
using punchline::testing::Books;
using punchline::testing::KeptLog;
using punchline::testing::KeptStore;
using punchline::testing::MemoryFile;
using namespace std::chrono_literals;

namespace {

const TimePoint kStart{1h};

/// A hundred lines of ten bytes, all of them read, and what a pipe has to set them aside.
struct Desk {
  explicit Desk(bool has_store = true) : stored(has_store ? &store : nullptr) {
    books.ledger.note_read(1000);
  }

  static std::string lines() {
    std::string text;
    for (int i = 100; i < 200; ++i)
      text += "line " + std::to_string(i) + ".\n";
    return text;
  }
  static BufferConfig settings() {
    BufferConfig config;
    config.path = "desk.buf";
    config.topic = "logs";
    return config;
  }
  static Checkpoint& started(Checkpoint& checkpoint) {
    REQUIRE(checkpoint.start().ok());
    REQUIRE(checkpoint.settle_format().ok());
    return checkpoint;
  }
  std::uint64_t records_set_aside(SetAsideReason reason) const {
    return metrics.records_set_aside[static_cast<std::size_t>(reason)].get();
  }
  /// Of the line that begins there, sent alone.
  static Delivery refusal(Position begin) {
    Delivery delivery;
    delivery.range = {begin, begin + 10};
    delivery.records = 1;
    delivery.outcome = Outcome::refused;
    delivery.code = kafka_codes::kMsgSizeTooLarge;
    delivery.alone = true;
    return delivery;
  }

  const BufferConfig config = settings();
  MemoryFile file{lines()};
  KeptStore store;
  SetAsideStore* stored;
  Checkpoint checkpoint{file, StartFacts{}};
  Books books{started(checkpoint)};
  BufferMetrics metrics{"desk.buf", "logs"};
  LossAccount losses{file, metrics};
  KeptLog log;
  PipeGauges gauges{
      {checkpoint.space(), checkpoint, books.ledger, books.freer, metrics, losses, log},
      config,
      kStart};
  ChunkPool pool{ChunkPool::kChunkBytes};
  Aside aside{{checkpoint, books.ledger, books.freer, gauges, stored, pool}, config.topic, 0};
  Lanes lanes{2, 1};
  Envelope envelope{config, nullptr, "uuid", ""};
  Refusals refusals{{checkpoint.space(), books.ledger, lanes, envelope, aside, log}, config, 1};
};

Item set_aside(ByteRange range, SetAsideReason reason) {
  return {range, Item::Kind::set_aside, reason, 0, 0};
}

}  // namespace

TEST_CASE("what is set aside is done once its copy is durable, and not before") {
  Desk desk;
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
  Desk desk;
  desk.books.ledger.note_read(500);
  for (int i = 0; i < 3; ++i)
    desk.aside.take(set_aside({500, 510}, SetAsideReason::oversize));
  desk.aside.settle(kStart);
  desk.aside.take(set_aside({500, 510}, SetAsideReason::oversize));
  desk.aside.settle(kStart);
  CHECK(desk.records_set_aside(SetAsideReason::oversize) == 1);
  CHECK(desk.store.labels.size() == 1);
}

TEST_CASE("without a quarantine all stays, and counts as set aside") {
  Desk desk(false);
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
  Desk desk;
  const auto refused = Desk::refusal(100);
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
  Desk desk;
  for (std::uint64_t i = 0; i < 100; ++i)
    desk.refusals.note(Desk::refusal(Position(i * 10)), kStart);
  CHECK(desk.refusals.judge_at_end(kStart));
  CHECK(desk.refusals.judge_at_end(kStart));
  CHECK(desk.log.lines.size() == 1);
  CHECK(desk.log.has("taken for a fault of its settings"));
  desk.refusals.settle();
  CHECK(desk.books.ledger.held_ranges() == 0);
  // The first of them arrives: the topic was mended, and all lanes go back to it.
  Delivery arrived = Desk::refusal(0);
  desk.refusals.note_arrival(arrived, kStart);
  CHECK_FALSE(desk.refusals.judge().blames_topic());
  CHECK(desk.lanes.lagging() == 2);
}

TEST_CASE("for the time of now a clock is blamed, once, and no line") {
  Desk desk;
  auto refused = Desk::refusal(0);
  refused.code = kafka_codes::kInvalidTimestamp;
  CHECK(desk.refusals.is_fault_of_clock(refused));
  CHECK(desk.refusals.is_fault_of_clock(refused));
  CHECK(desk.log.lines.size() == 1);
  CHECK(desk.log.has("the clock of this machine or of the broker is wrong"));
  CHECK_FALSE(desk.refusals.is_fault_of_clock(Desk::refusal(0)));
}
