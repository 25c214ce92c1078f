// Where freeing takes room first, and there is none: btrfs at the limit of a qgroup.

#include <cerrno>
#include <optional>

#include "tests/support/catch.h"
#include "tests/unit/core/books.h"
#include "tests/unit/core/world.h"

using namespace punchline;
using punchline::testing::Books;
using punchline::testing::MemoryFile;
using punchline::testing::MemoryReserve;
using punchline::testing::World;
using namespace std::chrono_literals;
using Op = MemoryFile::Op;
using Worth = Freer::Worth;

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

  Books& open(Reserve* with) {
    books.emplace(*checkpoint, limits, with);
    books->freer.settle(kStart, Worth::all);
    return *books;
  }

  MemoryFile file;
  MemoryReserve reserve;
  FreerLimits limits;
  std::optional<Checkpoint> checkpoint;
  std::optional<Books> books;
};

}  // namespace

TEST_CASE("the reserve makes room for freeing, and is taken again", "[F3]") {
  Desk desk;
  auto& books = desk.open(&desk.reserve);
  REQUIRE(desk.reserve.is_held());
  books.freer.done({0, 50 * kPage}, kStart);
  CHECK(books.freer.settle(kStart + 1s, Worth::large).empty());
  CHECK(desk.checkpoint->stored_front() == 50 * kPage);
  CHECK(desk.file.is_hole(0));
  CHECK(desk.reserve.is_held());
  CHECK_FALSE(books.freer.must_pause());
  CHECK(books.freer.no_room() == nullptr);
}

TEST_CASE("the reserve is not given up for little, but at the end", "[F3]") {
  Desk desk;
  auto& books = desk.open(&desk.reserve);
  books.freer.done({80 * kPage, 89 * kPage}, kStart);
  books.freer.settle(kStart + 1s, Worth::all);  // what comes before is not done
  CHECK(desk.reserve.is_held());
  CHECK(books.freer.freed_bytes() == 0);
  books.freer.done({0, 80 * kPage}, kStart + 1s);
  books.freer.done({89 * kPage, 100 * kPage}, kStart + 1s);
  books.freer.settle(kStart + 3s, Worth::all);
  CHECK(books.freer.freed_bytes() == 99 * kPage);
  REQUIRE(desk.reserve.is_held());

  desk.file.producer_appends(Desk::text());
  books.freer.done({100 * kPage, 117 * kPage}, kStart + 4s);
  const auto before = books.freer.freed_bytes();
  SECTION("of the buffer, where less is enough") {
    books.freer.note_reading(true);
    desk.file.set_space(desk.file.facts()->allocated_bytes + 2 * kPage);
    books.freer.settle(kStart + 5s, Worth::all);
    CHECK(books.freer.freed_bytes() > before);
  }
  SECTION("of the agent as well") {
    desk.file.set_space(desk.file.facts()->allocated_bytes + 2 * kPage);
    CHECK(books.freer.finish(kStart + 5s).empty());
    CHECK(books.freer.freed_bytes() > before);
    CHECK(desk.reserve.is_held());
  }
}

TEST_CASE("without a reserve nothing stops for want of room, and it is said", "[F4]") {
  Desk desk;
  desk.limits.unfreed_bytes_max = 20 * kPage;
  desk.file.reserve(2);  // somebody else's
  auto& books = desk.open(nullptr);
  books.freer.done({0, 50 * kPage}, kStart);
  CHECK_FALSE(books.freer.settle(kStart + 1s, Worth::large).empty());
  CHECK(books.freer.unfreed_bytes() == 50 * kPage);
  CHECK_FALSE(books.freer.must_pause());
  REQUIRE(books.freer.no_room() != nullptr);
  CHECK(books.freer.no_room()->code() == EDQUOT);
  SECTION("an error of another kind does stop it") {
    desk.file.reserve(0);
    desk.file.fail(Op::punch, EIO, 1, MemoryFile::How::for_ever);
    books.freer.settle(kStart + 3s, Worth::large);
    CHECK(books.freer.must_pause());
    CHECK(books.freer.no_room() == nullptr);
  }
  SECTION("with room it goes on") {
    desk.file.reserve(0);
    books.freer.settle(kStart + 3s, Worth::large);
    CHECK(books.freer.freed_bytes() == 49 * kPage);  // in lines the newline before the front stays
    CHECK(books.freer.no_room() == nullptr);
  }
}

TEST_CASE("of very many holes few are tried again each second, where there is no room for any") {
  Desk desk;
  desk.limits.ranges_max = 8;
  desk.file.reserve(2);
  auto& books = desk.open(nullptr);
  for (std::uint64_t page = 1; page < 100; page += 2)
    books.freer.done(positions(page * kPage, (page + 1) * kPage), kStart);
  const auto before = desk.file.calls(Op::punch);
  for (int turn = 0; turn < 100; ++turn)
    books.freer.settle(kStart + 1s, Worth::all);
  CHECK(desk.file.calls(Op::punch) - before <= 8);
  CHECK(books.freer.must_pause());  // more cannot be remembered
  desk.file.reserve(0);
  books.freer.settle(kStart + 3s, Worth::all);
  CHECK(books.freer.freed_bytes() > 40 * kPage);
}

TEST_CASE("a front that cannot be stored is tried once a second, however often it moves", "[E2]") {
  Desk desk;
  desk.file.reserve(2);
  auto& books = desk.open(nullptr);
  const auto before = desk.file.calls(Op::set_attribute);
  for (std::uint64_t page = 0; page < 50; ++page) {
    books.freer.done(positions(page * kPage, (page + 1) * kPage), kStart + 1s);
    books.freer.settle(kStart + 1s, Worth::large);
  }
  CHECK(desk.file.calls(Op::set_attribute) - before <= 4);
  desk.file.reserve(0);
  books.freer.settle(kStart + 3s, Worth::large);
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
