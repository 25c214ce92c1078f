#include "agent/core/freer.h"

#include <cerrno>
#include <optional>

#include "buffer/frame.h"
#include "buffer/scanner.h"
#include "tests/support/catch.h"
#include "tests/support/memory_file.h"
#include "tests/unit/core/books.h"

using namespace punchline;
using punchline::testing::Books;
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

  Books& open() {
    StartFacts facts;
    facts.boot = 1;
    checkpoint.emplace(file, facts);
    REQUIRE(checkpoint->start().ok());
    return books.emplace(*checkpoint, limits);
  }

  MemoryFile file;
  FreerLimits limits;
  std::optional<Checkpoint> checkpoint;
  std::optional<Books> books;
};

}  // namespace

TEST_CASE("large ranges are freed at once, the rest after a while, whole blocks only", "[F1][F6]") {
  Desk desk;
  auto& books = desk.open();
  books.freer.done({0, 100'000}, kStart);
  CHECK(books.freer.settle(kStart, Freer::Worth::large).empty());
  CHECK(desk.file.data_map() == "[98304,400000)");
  books.freer.done({100'000, 110'000}, kStart);
  books.freer.settle(kStart, Freer::Worth::large);
  CHECK(desk.file.data_map() == "[98304,400000)");
  CHECK(books.freer.due() == kStart + 100ms);
  books.freer.settle(kStart + 100ms, Freer::Worth::large);
  CHECK(desk.file.data_map() == "[106496,400000)");
  CHECK(books.freer.freed_bytes() == 106'496);
}

TEST_CASE("room is not freed with what is done around it: somebody may be writing there",
          "[F2][R8]") {
  Desk desk;
  auto& books = desk.open();
  books.freer.done({0, 20'000}, kStart);
  books.freer.pass_room({20'000, 60'000}, kStart);
  books.freer.done({60'000, 100'000}, kStart);
  books.freer.settle(kStart, Freer::Worth::large);
  books.freer.settle(kStart + 1s, Freer::Worth::all);
  CHECK(books.ledger.front() == 100'000);
  CHECK(desk.file.text().substr(20'000, 40'000) == lines(40'000));
  CHECK(books.freer.freed_bytes() > 50'000);
}

TEST_CASE("nothing is freed while somebody writes below the front", "[B4]") {
  Desk desk;
  auto& books = desk.open();
  books.freer.done({0, 100'000}, kStart);
  books.freer.settle(kStart, Freer::Worth::large);
  REQUIRE(books.freer.freed_bytes() == 98'304);
  desk.file.producer_writes(98'000, "from offset 0\n");
  books.freer.done({100'000, 200'000}, kStart);
  books.freer.settle(kStart + 1s, Freer::Worth::all);
  CHECK(books.freer.freed_bytes() == 98'304);
  CHECK(desk.file.text().find("from offset 0") != std::string::npos);
  SECTION("nor where that cannot be read") {
    desk.file.fail(Op::read_at, EIO);
    books.freer.settle(kStart + 3s, Freer::Worth::all);
    CHECK(books.freer.freed_bytes() == 98'304);
  }
  REQUIRE(desk.file.punch({98'000, 98'014}).ok());  // it is kept elsewhere
  books.freer.settle(kStart + 5s, Freer::Worth::all);
  CHECK(books.freer.freed_bytes() > 190'000);
}

TEST_CASE("what is done behind room is not freed while somebody writes in the room", "[B4]") {
  Desk desk;
  auto& books = desk.open();
  books.freer.done({0, 20'000}, kStart);
  books.freer.pass_room({20'000, 60'000}, kStart);
  books.freer.done({60'000, 63'000}, kStart);
  books.freer.settle(kStart + 1s, Freer::Worth::all);
  const auto freed = books.freer.freed_bytes();
  REQUIRE(freed > 19'000);
  REQUIRE(desk.file.punch({20'000, 60'000}).ok());
  desk.file.producer_writes(59'000, "in the room\n");
  books.freer.done({63'000, 200'000}, kStart);
  books.freer.settle(kStart + 2s, Freer::Worth::all);
  CHECK(books.freer.freed_bytes() == freed);
  REQUIRE(desk.file.punch({59'000, 59'012}).ok());  // it is kept elsewhere
  books.freer.settle(kStart + 4s, Freer::Worth::all);
  CHECK(books.freer.freed_bytes() > freed + 130'000);
}

TEST_CASE("while the front cannot be stored, only what a hole shows to be done is freed", "[F5]") {
  Desk desk;
  auto& books = desk.open();
  desk.file.fail(Op::set_attribute, EIO, 1, How::for_ever);
  books.freer.done({0, 100'000}, kStart);
  CHECK_FALSE(books.freer.settle(kStart, Freer::Worth::large).empty());
  // In-band only: the first block is free because all of it is inside, the newline stays.
  CHECK(desk.file.text().substr(0, 99'999) == std::string(99'999, '\0'));
  CHECK(desk.file.text()[99'999] == '\n');
  desk.file.heal();
  CHECK(books.freer.settle(kStart + 1s, Freer::Worth::large).empty());
  CHECK(desk.checkpoint->stored_front() == 100'000);
}

// The orders on which all rests (buffer/FORMAT.md, "Freeing" and "Collapsing"), as the file sees
// them.
TEST_CASE("the front is stored before what is below it is punched, and a sync holds up neither",
          "[F5]") {
  Desk desk;
  auto& books = desk.open();
  desk.file.note_changes();
  books.freer.done({0, 100'000}, kStart);
  books.freer.settle(kStart, Freer::Worth::large);
  CHECK(desk.file.changes() ==
        "state front=100000 synced=0\n"
        "freed to=0 front=100000\n"
        "punch [0,98304)\n");
  books.freer.settle(kStart + 1s, Freer::Worth::large);
  CHECK(desk.file.changes() ==
        "fdatasync\n"
        "state front=100000 synced=400000\n"
        "freed to=98304 front=100000\n");
  books.freer.done({100'000, 110'000}, kStart + 2s);
  books.freer.finish(kStart + 2s);
  CHECK(desk.file.changes() ==
        "state front=110000 synced=400000\n"
        "punch [98304,106496)\n"
        "fdatasync\n"
        "state front=110000 synced=400000\n"
        "fsync\n"
        "freed to=106496 front=110000\n");
}

TEST_CASE("a collapse is noted before it is done, and its note goes when its base is stored",
          "[C1]") {
  Desk desk;
  desk.limits.collapse = {4096, 4096, 0};
  auto& books = desk.open();
  books.freer.done({0, 300'000}, kStart);
  books.freer.settle(kStart, Freer::Worth::all);
  desk.file.note_changes();
  books.freer.settle(kStart + 1s, Freer::Worth::all);
  CHECK(desk.file.changes() ==
        "fdatasync\n"
        "state front=300000 synced=400000\n"
        "freed to=299008 front=300000\n"
        "fdatasync\n"
        "punch [299008,299999)\n"
        "intent\n"
        "collapse [0,299008)\n"
        "state base=299008 front=300000 synced=400000\n"
        "fsync\n"
        "no intent\n");
}

TEST_CASE("as long as the format cannot be stored the first frames stay, to tell it") {
  Desk desk;
  desk.file.truncate(0);
  REQUIRE(desk.open().ledger.front() == 0);
  FrameRecord record;
  const std::string payload(9000, 'x');
  record.payload = payload;
  std::string frames;
  for (int i = 0; i < 3; ++i)
    encode_frame(record, frame_salt(5, 1000), frames);
  desk.file.producer_appends(frames);
  desk.file.fail(Op::set_attribute, ENOSPC, 1, How::for_ever);
  REQUIRE(desk.checkpoint->settle_format().ok());
  auto& books = *desk.books;
  books.freer.set_format(Format::frames);
  books.freer.done(positions(0, frames.size() / 3), kStart);
  books.freer.done(positions(frames.size() / 3, frames.size()), kStart);
  books.freer.settle(kStart + 1s, Freer::Worth::all);
  CHECK(desk.file.data_map().starts_with("[0,12288)"));
  CHECK(desk.file.text().substr(frames.size() / 3) == std::string(2 * frames.size() / 3, '\0'));
  const auto found = detect_format(desk.file, 0);
  REQUIRE(found.ok());
  CHECK(found->format == Format::frames);
  desk.file.heal();
  books.freer.settle(kStart + 3s, Freer::Worth::all);
  books.freer.settle(kStart + 6s, Freer::Worth::all);
  CHECK(desk.file.data_map() == "[24576," + std::to_string(frames.size()) + ")");
}

TEST_CASE("while a collapse cannot be noted nothing below its last segment is freed", "[C3]") {
  Desk desk;
  desk.limits.collapse = {4096, 4096, 0};
  desk.limits.collapse_delay = Duration(0);
  auto& books = desk.open();
  books.freer.done({0, 300'000}, kStart);
  // Stored are the front, what is freed, what was synced, the intent.
  desk.file.fail(Op::set_attribute, ENOSPC, 5, How::for_ever);
  books.freer.settle(kStart, Freer::Worth::all);
  REQUIRE(desk.checkpoint->base() == 299'008);
  desk.file.producer_appends(std::string(50'000, 'y') + "\n" + std::string(999, 'z') + "\n");
  // Of the record across its end, where one is, no half alone, whatever order they are done in.
  const auto kept = GENERATE(400'000U, 450'001U) - 299'008U;
  if (kept == 400'000 - 299'008) {
    books.freer.done({300'000, 400'000}, kStart + 1s);
    books.freer.done({400'000, 451'001}, kStart + 1s);
  } else {
    books.freer.done({450'001, 451'001}, kStart + 1s);
    books.freer.done({300'000, 450'001}, kStart + 1s);
  }
  const auto before = desk.file.text();
  books.freer.settle(kStart + 2s, Freer::Worth::all);
  CHECK(desk.file.text().substr(0, kept) == before.substr(0, kept));
  CHECK(desk.file.text()[kept] == '\0');
  desk.file.heal();
  CHECK(books.freer.settle(kStart + 4s, Freer::Worth::all).empty());
  CHECK_FALSE(desk.file.has_attribute(kIntentAttribute));
}

TEST_CASE("nothing is collapsed before the front has passed room: its producer knows offsets",
          "[C2]") {
  Desk desk;
  desk.limits.collapse = {4096, 4096, 0};
  auto& books = desk.open();
  books.freer.done({0, 300'000}, kStart);
  const bool has_room = GENERATE(false, true);
  if (has_room) books.freer.pass_room({350'000, 380'000}, kStart);
  for (int second = 0; second < 5; ++second)
    books.freer.settle(kStart + second * 1s, Freer::Worth::all);
  CHECK(desk.checkpoint->base() == (has_room ? 0 : 299'008));
}

// It zeroes up to the front, and so cuts off more than had been freed.
TEST_CASE("what is done behind a collapse is freed from where the file begins now") {
  Desk desk;
  desk.limits.collapse = {4096, 4096, 0};
  desk.limits.free_delay = 10s;
  auto& books = desk.open();
  books.freer.done({0, 230'000}, kStart);
  books.freer.settle(kStart, Freer::Worth::large);
  books.freer.done({230'000, 280'000}, kStart);
  books.freer.settle(kStart + 1s, Freer::Worth::large);
  REQUIRE(desk.checkpoint->base() == 278'528);
  CHECK(books.freer.freed_bytes() == 278'528);
  books.freer.done({280'000, 390'000}, kStart + 1s);
  CHECK(books.freer.settle(kStart + 2s, Freer::Worth::large).empty());
  CHECK(desk.file.data_map() == "[110592,121472)");
}

TEST_CASE("one sync a second while there is something to make durable, none when there is not",
          "[E1]") {
  Desk desk;
  auto& books = desk.open();
  const auto before = desk.file.calls(Op::sync_data);
  books.freer.done({0, 10}, kStart);
  for (auto at = kStart; at < kStart + 10s; at += 50ms)
    books.freer.settle(at, Freer::Worth::all);
  CHECK(desk.file.calls(Op::sync_data) - before <= 3);
  CHECK(desk.checkpoint->synced() == 400'000);
  CHECK(books.freer.due() == TimePoint::max());
}

TEST_CASE("what cannot be freed pauses the offering, and goes on when it can") {
  Desk desk;
  desk.limits.unfreed_bytes_max = 50'000;
  auto& books = desk.open();
  desk.file.fail(Op::punch, EIO, 1, How::for_ever);
  books.freer.done({0, 60'000}, kStart);
  for (auto at = kStart; at < kStart + 3s; at += 100ms)
    books.freer.settle(at, Freer::Worth::all);
  CHECK(books.freer.must_pause());
  CHECK(desk.checkpoint->careful_until() == 400'000);  // EIO: what is there may be damaged
  desk.file.heal();
  books.freer.settle(kStart + 5s, Freer::Worth::all);
  CHECK_FALSE(books.freer.must_pause());
}

TEST_CASE("a punch that fails is tried again once a second, not in a circle") {
  Desk desk;
  auto& books = desk.open();
  desk.file.fail(Op::punch, EIO, 1, How::for_ever);
  books.freer.done({0, 300'000}, kStart);
  const auto before = desk.file.calls(Op::punch);
  for (auto at = kStart; at < kStart + 10s; at += 1ms)
    books.freer.settle(at, Freer::Worth::large);
  CHECK(desk.file.calls(Op::punch) - before <= 11);
}

TEST_CASE("what an earlier run confirmed and did not free is freed at start") {
  Desk desk;
  desk.file.producer_writes(99'999, "\n");
  {
    auto& books = desk.open();
    desk.file.fail(Op::punch, EIO);
    books.freer.done({0, 100'000}, kStart);
    books.freer.settle(kStart, Freer::Worth::large);
    CHECK(desk.file.data_map() == "[0,400000)");
  }
  auto& books = desk.open();
  books.freer.settle(kStart, Freer::Worth::all);
  CHECK(desk.file.data_map() == "[98304,400000)");
}

TEST_CASE("what is left of blocks that were freed above the front goes after a restart too") {
  Desk desk;
  for (const auto newline : {9'999, 29'999, 59'999})
    desk.file.producer_writes(newline, "\n");
  {
    auto& books = desk.open();
    books.freer.done({10'000, 30'000}, kStart);
    books.freer.settle(kStart + 1s, Freer::Worth::all);
    books.freer.done({0, 10'000}, kStart + 1s);
    books.freer.settle(kStart + 3s, Freer::Worth::all);
    REQUIRE(desk.file.data_map() == "[28672,400000)");
  }
  auto& books = desk.open();
  books.freer.done({30'000, 60'000}, kStart);
  books.freer.settle(kStart + 1s, Freer::Worth::all);
  CHECK(desk.file.data_map() == "[57344,400000)");
}

TEST_CASE("done ranges above the front are bounded: the file remembers what is forgotten", "[F6]") {
  Desk desk;
  desk.limits.ranges_max = 16;
  auto& books = desk.open();
  for (std::uint64_t at = 1000; at + 200 < 400'000; at += 400) {
    books.freer.done(positions(at, at + 200), kStart);
    books.freer.settle(kStart, Freer::Worth::large);
  }
  CHECK_FALSE(books.ledger.is_done({1000, 1200}));
  CHECK(desk.file.text().substr(1000, 199) == std::string(199, '\0'));
  CHECK(desk.file.text()[1199] == '\n');
  CHECK(books.ledger.front() == 0);
}

TEST_CASE("what cannot be freed is not forgotten, however many ranges that makes") {
  Desk desk;
  desk.limits.ranges_max = 16;
  auto& books = desk.open();
  desk.file.fail(Op::punch, EIO, 1, How::for_ever);
  for (std::uint64_t at = 1000; at < 30'000; at += 400) {
    books.freer.done(positions(at, at + 200), kStart);
    books.freer.settle(kStart, Freer::Worth::large);
  }
  for (std::uint64_t at = 1000; at < 30'000; at += 400)
    CHECK(books.ledger.is_done(positions(at, at + 200)));
  CHECK(books.freer.must_pause());
}

// As where an earlier run has freed pieces, which count as room, and something before them stays.
TEST_CASE("at the end all pieces are freed, however many lie between rooms") {
  Desk desk;
  auto& books = desk.open();
  for (std::uint64_t at = 10'000; at < 300'000; at += 10'000) {
    books.freer.pass_room(positions(at, at + 5000), kStart);
    books.freer.done(positions(at + 5000, at + 10'000), kStart);
  }
  REQUIRE(books.ledger.above().size() == 1);
  CHECK(books.freer.finish(kStart).empty());
  CHECK(books.freer.freed_bytes() > 100'000);
}

TEST_CASE("at the end everything is freed and durable") {
  Desk desk;
  auto& books = desk.open();
  books.freer.done({0, 5000}, kStart);
  books.freer.done({6000, 6100}, kStart);
  CHECK(books.freer.finish(kStart).empty());
  CHECK(desk.file.data_map() == "[4096,400000)");
  CHECK(desk.file.text().substr(6000, 99) == std::string(99, '\0'));
  CHECK(desk.checkpoint->stored_front() == 5000);
  CHECK(desk.checkpoint->synced() == 400'000);
}
