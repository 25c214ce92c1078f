#include "agent/core/ledger.h"

#include <cerrno>
#include <optional>

#include "buffer/frame.h"
#include "buffer/scanner.h"
#include "tests/support/catch.h"
#include "tests/support/memory_file.h"

using namespace punchline;
using punchline::testing::MemoryFile;
using Op = MemoryFile::Op;
using How = MemoryFile::How;
using namespace std::chrono_literals;

namespace {

const TimePoint kStart{1h};

/// Lines of 100 bytes.
std::string lines(std::size_t bytes) {
  std::string text(bytes, 'x');
  for (std::size_t end = 100; end <= bytes; end += 100)
    text[end - 1] = '\n';
  return text;
}

struct Desk {
  Desk() : file(lines(400'000)) { file.set_inode(5, 1000); }

  Ledger& open() {
    StartFacts facts;
    facts.boot = 1;
    checkpoint.emplace(file, facts);
    REQUIRE(checkpoint->start().ok());
    return ledger.emplace(*checkpoint, limits);
  }

  MemoryFile file;
  LedgerLimits limits;
  std::optional<Checkpoint> checkpoint;
  std::optional<Ledger> ledger;
};

}  // namespace

TEST_CASE("large ranges are freed at once, the rest after a while, whole blocks only") {
  Desk desk;
  auto& ledger = desk.open();
  ledger.done({0, 100'000}, kStart);
  CHECK(ledger.settle(kStart, Ledger::Worth::large).empty());
  CHECK(desk.file.data_map() == "[98304,400000)");
  ledger.done({100'000, 110'000}, kStart);
  ledger.settle(kStart, Ledger::Worth::large);
  CHECK(desk.file.data_map() == "[98304,400000)");
  CHECK(ledger.due() == kStart + 100ms);
  ledger.settle(kStart + 100ms, Ledger::Worth::large);
  CHECK(desk.file.data_map() == "[106496,400000)");
  CHECK(ledger.freed_bytes() == 106'496);
}

TEST_CASE("room is not freed with what is done around it: somebody may be writing there") {
  Desk desk;
  auto& ledger = desk.open();
  ledger.done({0, 20'000}, kStart);
  ledger.pass_room({20'000, 60'000}, kStart);
  ledger.done({60'000, 100'000}, kStart);
  ledger.settle(kStart, Ledger::Worth::large);
  ledger.settle(kStart + 1s, Ledger::Worth::all);
  CHECK(ledger.front() == 100'000);
  CHECK(desk.file.text().substr(20'000, 40'000) == lines(40'000));
  CHECK(ledger.freed_bytes() > 50'000);
}

TEST_CASE("nothing is freed while somebody writes below the front") {
  Desk desk;
  auto& ledger = desk.open();
  ledger.done({0, 100'000}, kStart);
  ledger.settle(kStart, Ledger::Worth::large);
  REQUIRE(ledger.freed_bytes() == 98'304);
  desk.file.producer_writes(98'000, "from offset 0\n");
  ledger.done({100'000, 200'000}, kStart);
  ledger.settle(kStart + 1s, Ledger::Worth::all);
  CHECK(ledger.freed_bytes() == 98'304);
  CHECK(desk.file.text().find("from offset 0") != std::string::npos);
  SECTION("nor where that cannot be read") {
    desk.file.fail(Op::read_at, EIO);
    ledger.settle(kStart + 3s, Ledger::Worth::all);
    CHECK(ledger.freed_bytes() == 98'304);
  }
  REQUIRE(desk.file.punch({98'000, 98'014}).ok());  // it is kept elsewhere
  ledger.settle(kStart + 5s, Ledger::Worth::all);
  CHECK(ledger.freed_bytes() > 190'000);
}

TEST_CASE("what is done behind room is not freed while somebody writes in the room") {
  Desk desk;
  auto& ledger = desk.open();
  ledger.done({0, 20'000}, kStart);
  ledger.pass_room({20'000, 60'000}, kStart);
  ledger.done({60'000, 63'000}, kStart);
  ledger.settle(kStart + 1s, Ledger::Worth::all);
  const auto freed = ledger.freed_bytes();
  REQUIRE(freed > 19'000);
  REQUIRE(desk.file.punch({20'000, 60'000}).ok());
  desk.file.producer_writes(59'000, "in the room\n");
  ledger.done({63'000, 200'000}, kStart);
  ledger.settle(kStart + 2s, Ledger::Worth::all);
  CHECK(ledger.freed_bytes() == freed);
  REQUIRE(desk.file.punch({59'000, 59'012}).ok());  // it is kept elsewhere
  ledger.settle(kStart + 4s, Ledger::Worth::all);
  CHECK(ledger.freed_bytes() > freed + 130'000);
}

TEST_CASE("the front is in the attribute before a block below it is freed") {
  Desk desk;
  auto& ledger = desk.open();
  desk.file.fail(Op::set_attribute, EIO, 1, How::for_ever);
  ledger.done({0, 100'000}, kStart);
  CHECK_FALSE(ledger.settle(kStart, Ledger::Worth::large).empty());
  // In-band only: the first block is free because all of it is inside, the newline stays.
  CHECK(desk.file.text().substr(0, 99'999) == std::string(99'999, '\0'));
  CHECK(desk.file.text()[99'999] == '\n');
  desk.file.heal();
  CHECK(ledger.settle(kStart + 1s, Ledger::Worth::large).empty());
  CHECK(desk.checkpoint->stored_front() == 100'000);
}

TEST_CASE("as long as the format cannot be stored the first frames stay, to tell it") {
  Desk desk;
  desk.file.truncate(0);
  REQUIRE(desk.open().front() == 0);
  FrameRecord record;
  const std::string payload(9000, 'x');
  record.payload = payload;
  std::string frames;
  for (int i = 0; i < 3; ++i)
    encode_frame(record, frame_salt(5, 1000), frames);
  desk.file.producer_appends(frames);
  desk.file.fail(Op::set_attribute, ENOSPC, 1, How::for_ever);
  REQUIRE(desk.checkpoint->settle_format().ok());
  auto& ledger = *desk.ledger;
  ledger.set_format(Format::frames);
  ledger.done(positions(0, frames.size() / 3), kStart);
  ledger.done(positions(frames.size() / 3, frames.size()), kStart);
  ledger.settle(kStart + 1s, Ledger::Worth::all);
  CHECK(desk.file.data_map().starts_with("[0,12288)"));
  CHECK(desk.file.text().substr(frames.size() / 3) == std::string(2 * frames.size() / 3, '\0'));
  const auto found = detect_format(desk.file, 0);
  REQUIRE(found.ok());
  CHECK(found->format == Format::frames);
  desk.file.heal();
  ledger.settle(kStart + 3s, Ledger::Worth::all);
  ledger.settle(kStart + 6s, Ledger::Worth::all);
  CHECK(desk.file.data_map() == "[24576," + std::to_string(frames.size()) + ")");
}

TEST_CASE("while a collapse cannot be noted nothing below its last segment is freed") {
  Desk desk;
  desk.limits.collapse = {4096, 4096, 0};
  desk.limits.collapse_delay = Duration(0);
  auto& ledger = desk.open();
  ledger.done({0, 300'000}, kStart);
  // Stored are the front, what is freed, what was synced, the intent.
  desk.file.fail(Op::set_attribute, ENOSPC, 5, How::for_ever);
  ledger.settle(kStart, Ledger::Worth::all);
  REQUIRE(desk.checkpoint->base() == 299'008);
  desk.file.producer_appends(std::string(50'000, 'y') + "\n" + std::string(999, 'z') + "\n");
  // Of the record across its end, where one is, no half alone, whatever order they are done in.
  const auto kept = GENERATE(400'000U, 450'001U) - 299'008U;
  if (kept == 400'000 - 299'008) {
    ledger.done({300'000, 400'000}, kStart + 1s);
    ledger.done({400'000, 451'001}, kStart + 1s);
  } else {
    ledger.done({450'001, 451'001}, kStart + 1s);
    ledger.done({300'000, 450'001}, kStart + 1s);
  }
  const auto before = desk.file.text();
  ledger.settle(kStart + 2s, Ledger::Worth::all);
  CHECK(desk.file.text().substr(0, kept) == before.substr(0, kept));
  CHECK(desk.file.text()[kept] == '\0');
  desk.file.heal();
  CHECK(ledger.settle(kStart + 4s, Ledger::Worth::all).empty());
  CHECK_FALSE(desk.file.has_attribute(kIntentAttribute));
}

TEST_CASE("nothing is collapsed before the front has passed room: its producer knows offsets") {
  Desk desk;
  desk.limits.collapse = {4096, 4096, 0};
  auto& ledger = desk.open();
  ledger.done({0, 300'000}, kStart);
  const bool has_room = GENERATE(false, true);
  if (has_room) ledger.pass_room({350'000, 380'000}, kStart);
  for (int second = 0; second < 5; ++second)
    ledger.settle(kStart + second * 1s, Ledger::Worth::all);
  CHECK(desk.checkpoint->base() == (has_room ? 0 : 299'008));
}

// It zeroes up to the front, and so cuts off more than had been freed.
TEST_CASE("what is done behind a collapse is freed from where the file begins now") {
  Desk desk;
  desk.limits.collapse = {4096, 4096, 0};
  desk.limits.free_delay = 10s;
  auto& ledger = desk.open();
  ledger.done({0, 230'000}, kStart);
  ledger.settle(kStart, Ledger::Worth::large);
  ledger.done({230'000, 280'000}, kStart);
  ledger.settle(kStart + 1s, Ledger::Worth::large);
  REQUIRE(desk.checkpoint->base() == 278'528);
  CHECK(ledger.freed_bytes() == 278'528);
  ledger.done({280'000, 390'000}, kStart + 1s);
  CHECK(ledger.settle(kStart + 2s, Ledger::Worth::large).empty());
  CHECK(desk.file.data_map() == "[110592,121472)");
}

TEST_CASE("one sync a second while there is something to make durable, none when there is not") {
  Desk desk;
  auto& ledger = desk.open();
  const auto before = desk.file.calls(Op::sync_data);
  ledger.done({0, 10}, kStart);
  for (auto at = kStart; at < kStart + 10s; at += 50ms)
    ledger.settle(at, Ledger::Worth::all);
  CHECK(desk.file.calls(Op::sync_data) - before <= 3);
  CHECK(desk.checkpoint->synced() == 400'000);
  CHECK(ledger.due() == TimePoint::max());
}

TEST_CASE("what cannot be freed pauses the offering, and goes on when it can") {
  Desk desk;
  desk.limits.unfreed_bytes_max = 50'000;
  auto& ledger = desk.open();
  desk.file.fail(Op::punch, EIO, 1, How::for_ever);
  ledger.done({0, 60'000}, kStart);
  for (auto at = kStart; at < kStart + 3s; at += 100ms)
    ledger.settle(at, Ledger::Worth::all);
  CHECK(ledger.must_pause());
  CHECK(desk.checkpoint->careful_until() == 400'000);  // EIO: what is there may be damaged
  desk.file.heal();
  ledger.settle(kStart + 5s, Ledger::Worth::all);
  CHECK_FALSE(ledger.must_pause());
}

TEST_CASE("a punch that fails is tried again once a second, not in a circle") {
  Desk desk;
  auto& ledger = desk.open();
  desk.file.fail(Op::punch, EIO, 1, How::for_ever);
  ledger.done({0, 300'000}, kStart);
  const auto before = desk.file.calls(Op::punch);
  for (auto at = kStart; at < kStart + 10s; at += 1ms)
    ledger.settle(at, Ledger::Worth::large);
  CHECK(desk.file.calls(Op::punch) - before <= 11);
}

TEST_CASE("what an earlier run confirmed and did not free is freed at start") {
  Desk desk;
  desk.file.producer_writes(99'999, "\n");
  {
    auto& ledger = desk.open();
    desk.file.fail(Op::punch, EIO);
    ledger.done({0, 100'000}, kStart);
    ledger.settle(kStart, Ledger::Worth::large);
    CHECK(desk.file.data_map() == "[0,400000)");
  }
  auto& ledger = desk.open();
  ledger.settle(kStart, Ledger::Worth::all);
  CHECK(desk.file.data_map() == "[98304,400000)");
}

TEST_CASE("what is left of blocks that were freed above the front goes after a restart too") {
  Desk desk;
  for (const auto newline : {9'999, 29'999, 59'999})
    desk.file.producer_writes(newline, "\n");
  {
    auto& ledger = desk.open();
    ledger.done({10'000, 30'000}, kStart);
    ledger.settle(kStart + 1s, Ledger::Worth::all);
    ledger.done({0, 10'000}, kStart + 1s);
    ledger.settle(kStart + 3s, Ledger::Worth::all);
    REQUIRE(desk.file.data_map() == "[28672,400000)");
  }
  auto& ledger = desk.open();
  ledger.done({30'000, 60'000}, kStart);
  ledger.settle(kStart + 1s, Ledger::Worth::all);
  CHECK(desk.file.data_map() == "[57344,400000)");
}

TEST_CASE("done ranges above the front are bounded: the file remembers what is forgotten") {
  Desk desk;
  desk.limits.ranges_max = 16;
  auto& ledger = desk.open();
  for (std::uint64_t at = 1000; at + 200 < 400'000; at += 400) {
    ledger.done(positions(at, at + 200), kStart);
    ledger.settle(kStart, Ledger::Worth::large);
  }
  CHECK_FALSE(ledger.is_done({1000, 1200}));
  CHECK(desk.file.text().substr(1000, 199) == std::string(199, '\0'));
  CHECK(desk.file.text()[1199] == '\n');
  CHECK(ledger.front() == 0);
}

TEST_CASE("what cannot be freed is not forgotten, however many ranges that makes") {
  Desk desk;
  desk.limits.ranges_max = 16;
  auto& ledger = desk.open();
  desk.file.fail(Op::punch, EIO, 1, How::for_ever);
  for (std::uint64_t at = 1000; at < 30'000; at += 400) {
    ledger.done(positions(at, at + 200), kStart);
    ledger.settle(kStart, Ledger::Worth::large);
  }
  for (std::uint64_t at = 1000; at < 30'000; at += 400)
    CHECK(ledger.is_done(positions(at, at + 200)));
  CHECK(ledger.must_pause());
}

TEST_CASE("at the end everything is freed and durable") {
  Desk desk;
  auto& ledger = desk.open();
  ledger.done({0, 5000}, kStart);
  ledger.done({6000, 6100}, kStart);
  CHECK(ledger.finish(kStart).empty());
  CHECK(desk.file.data_map() == "[4096,400000)");
  CHECK(desk.file.text().substr(6000, 99) == std::string(99, '\0'));
  CHECK(desk.checkpoint->stored_front() == 5000);
  CHECK(desk.checkpoint->synced() == 400'000);
}
