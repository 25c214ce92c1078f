// Where freeing takes room first, and there is none: btrfs at the limit of a qgroup.

#include <cerrno>
#include <optional>

#include "agent/core/ledger.h"
#include "tests/support/catch.h"
#include "tests/unit/core/world.h"

using namespace punchline;
using punchline::testing::MemoryFile;
using punchline::testing::MemoryReserve;
using punchline::testing::World;
using namespace std::chrono_literals;
using Op = MemoryFile::Op;
using Worth = Ledger::Worth;

namespace {

const TimePoint kStart{1h};
constexpr std::uint64_t kPage = MemoryFile::kPageBytes;

/// 100 pages of lines on a disk with room for so many more as the reserve takes.
struct Desk {
  Desk() : file(text()), reserve(file) {
    file.set_inode(5, 1000);
    file.set_copies_on_write(true);
    file.set_space(102 * kPage);
    limits.reserve_worth_bytes = 10 * kPage;
    StartFacts facts;
    facts.boot = 1;
    checkpoint.emplace(file, facts);
    REQUIRE(checkpoint->start().ok());
  }

  static std::string text() {
    std::string lines(100 * kPage, 'x');
    for (std::size_t end = 64; end <= lines.size(); end += 64)
      lines[end - 1] = '\n';
    return lines;
  }

  Ledger& open(Reserve* with) {
    ledger.emplace(*checkpoint, limits, with);
    ledger->settle(kStart, Worth::all);
    return *ledger;
  }

  MemoryFile file;
  MemoryReserve reserve;
  LedgerLimits limits;
  std::optional<Checkpoint> checkpoint;
  std::optional<Ledger> ledger;
};

}  // namespace

TEST_CASE("the reserve makes room for freeing, and is taken again") {
  Desk desk;
  auto& ledger = desk.open(&desk.reserve);
  REQUIRE(desk.reserve.is_held());
  ledger.done({0, 50 * kPage}, kStart);
  CHECK(ledger.settle(kStart + 1s, Worth::large).empty());
  CHECK(desk.checkpoint->stored_front() == 50 * kPage);
  CHECK(desk.file.is_hole(0));
  CHECK(desk.reserve.is_held());
  CHECK_FALSE(ledger.must_pause());
  CHECK(ledger.no_room() == nullptr);
}

TEST_CASE("the reserve is not given up for little, but at the end") {
  Desk desk;
  auto& ledger = desk.open(&desk.reserve);
  ledger.done({80 * kPage, 89 * kPage}, kStart);
  ledger.settle(kStart + 1s, Worth::all);  // what comes before is not done
  CHECK(desk.reserve.is_held());
  CHECK(ledger.freed_bytes() == 0);
  ledger.done({0, 80 * kPage}, kStart + 1s);
  ledger.done({89 * kPage, 100 * kPage}, kStart + 1s);
  ledger.settle(kStart + 3s, Worth::all);
  CHECK(ledger.freed_bytes() == 99 * kPage);
  REQUIRE(desk.reserve.is_held());

  desk.file.producer_appends(Desk::text());
  ledger.done({100 * kPage, 117 * kPage}, kStart + 4s);
  const auto before = ledger.freed_bytes();
  SECTION("of the buffer, where less is enough") {
    ledger.note_reading(true);
    desk.file.set_space(desk.file.facts()->allocated_bytes + 2 * kPage);
    ledger.settle(kStart + 5s, Worth::all);
    CHECK(ledger.freed_bytes() > before);
  }
  SECTION("of the agent as well") {
    desk.file.set_space(desk.file.facts()->allocated_bytes + 2 * kPage);
    CHECK(ledger.finish(kStart + 5s).empty());
    CHECK(ledger.freed_bytes() > before);
    CHECK(desk.reserve.is_held());
  }
}

TEST_CASE("without a reserve nothing stops for want of room, and it is said") {
  Desk desk;
  desk.limits.unfreed_bytes_max = 20 * kPage;
  desk.file.reserve(2);  // somebody else's
  auto& ledger = desk.open(nullptr);
  ledger.done({0, 50 * kPage}, kStart);
  CHECK_FALSE(ledger.settle(kStart + 1s, Worth::large).empty());
  CHECK(ledger.unfreed_bytes() == 50 * kPage);
  CHECK_FALSE(ledger.must_pause());
  REQUIRE(ledger.no_room() != nullptr);
  CHECK(ledger.no_room()->code() == EDQUOT);
  SECTION("an error of another kind does stop it") {
    desk.file.reserve(0);
    desk.file.fail(Op::punch, EIO, 1, MemoryFile::How::for_ever);
    ledger.settle(kStart + 3s, Worth::large);
    CHECK(ledger.must_pause());
    CHECK(ledger.no_room() == nullptr);
  }
  SECTION("with room it goes on") {
    desk.file.reserve(0);
    ledger.settle(kStart + 3s, Worth::large);
    CHECK(ledger.freed_bytes() == 49 * kPage);  // in lines the newline before the front stays
    CHECK(ledger.no_room() == nullptr);
  }
}

TEST_CASE("of very many holes few are tried again each second, where there is no room for any") {
  Desk desk;
  desk.limits.ranges_max = 8;
  desk.file.reserve(2);
  auto& ledger = desk.open(nullptr);
  for (std::uint64_t page = 1; page < 100; page += 2)
    ledger.done(positions(page * kPage, (page + 1) * kPage), kStart);
  const auto before = desk.file.calls(Op::punch);
  for (int turn = 0; turn < 100; ++turn)
    ledger.settle(kStart + 1s, Worth::all);
  CHECK(desk.file.calls(Op::punch) - before <= 8);
  CHECK(ledger.must_pause());  // more cannot be remembered
  desk.file.reserve(0);
  ledger.settle(kStart + 3s, Worth::all);
  CHECK(ledger.freed_bytes() > 40 * kPage);
}

TEST_CASE("a front that cannot be stored is tried once a second, however often it moves") {
  Desk desk;
  desk.file.reserve(2);
  auto& ledger = desk.open(nullptr);
  const auto before = desk.file.calls(Op::set_attribute);
  for (std::uint64_t page = 0; page < 50; ++page) {
    ledger.done(positions(page * kPage, (page + 1) * kPage), kStart + 1s);
    ledger.settle(kStart + 1s, Worth::large);
  }
  CHECK(desk.file.calls(Op::set_attribute) - before <= 4);
  desk.file.reserve(0);
  ledger.settle(kStart + 3s, Worth::large);
  CHECK(desk.checkpoint->stored_front() == 50 * kPage);
}

TEST_CASE("a buffer at its quota arrives as a whole, with a reserve or without") {
  World world(2, 41);
  world.has_reserve = GENERATE(true, false);
  world.limits.unfreed_bytes_max = 64 * 1024;
  world.limits.reserve_worth_bytes = 32 * 1024;
  world.file.set_copies_on_write(true);
  world.open();
  world.turn();
  append_many(world, 0, 5000);
  world.file.set_space(world.file.facts()->allocated_bytes + (world.has_reserve ? 2 : 0) * kPage);
  world.pipe().wake();
  for (int i = 0; i < 300; ++i) {
    world.turn();
    world.advance(100ms);
    world.check_nothing_freed_early();
  }
  CHECK(world.metrics().records_confirmed.get() == 5000);
  CHECK(world.log.has("raise its limit") != world.has_reserve);
  CHECK((world.metrics().bytes_freed.get() > 0) == world.has_reserve);
  world.file.set_space(UINT64_MAX);
  world.advance(5s);
  world.drain();
  CHECK(world.metrics().bytes_freed.get() > 250'000);
  world.check_all_arrived();
  world.check_honest();
}
