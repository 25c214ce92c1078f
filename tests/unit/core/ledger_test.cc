#include "agent/core/ledger.h"

#include <random>
#include <vector>

#include "tests/support/catch.h"

using namespace punchline;

TEST_CASE("the front moves when all before it is done, and over what was done after it") {
  Ledger ledger(100);
  CHECK(ledger.done({200, 300}) == positions(200, 300));
  CHECK(ledger.front() == 100);
  CHECK(ledger.first_undone(100) == 100);
  CHECK(ledger.first_undone(250) == 300);
  CHECK(ledger.undone_bytes({0, 400}) == 200);
  CHECK(ledger.done({100, 200}) == positions(100, 200));
  CHECK(ledger.front() == 300);
  CHECK(ledger.above().empty());
  CHECK(ledger.undone_bytes({0, 400}) == 100);
}

TEST_CASE("what is below the front is done, and told as nothing new") {
  Ledger ledger(100);
  CHECK(ledger.is_done({0, 100}));
  CHECK_FALSE(ledger.is_done({99, 101}));
  CHECK(ledger.done({0, 100}).empty());
  CHECK(ledger.done({50, 120}) == positions(100, 120));
  CHECK(ledger.front() == 120);
}

TEST_CASE("room counts as done, but the ledger knows where the last one ends") {
  Ledger ledger(0);
  CHECK(ledger.pass_room({10, 20}) == positions(10, 20));
  CHECK(ledger.has_room_above());
  CHECK(ledger.pass_room({10, 20}).empty());
  CHECK(ledger.is_done({10, 20}));
  ledger.done({0, 10});
  CHECK(ledger.front() == 20);
  CHECK_FALSE(ledger.has_room_above());
}

TEST_CASE("what the file remembers itself may be forgotten above the front") {
  Ledger ledger(0);
  ledger.done({10, 20});
  ledger.forget({10, 20});
  CHECK_FALSE(ledger.is_done({10, 20}));
  CHECK(ledger.done({0, 10}) == positions(0, 10));
  CHECK(ledger.front() == 10);
}

TEST_CASE("what is set aside is not done, but does not wait") {
  Ledger ledger(100);
  ledger.set_aside({100, 150});
  ledger.done({150, 200});
  CHECK_FALSE(ledger.is_done({100, 150}));
  CHECK(ledger.waiting_bytes(300) == 100);
  CHECK(ledger.first_waiting() == 200);
  ledger.take_back({100, 150});
  CHECK(ledger.waiting_bytes(300) == 150);
  CHECK(ledger.first_waiting() == 100);
}

TEST_CASE("of too many ranges that are set aside the last ones count as waiting") {
  Ledger ledger(0);
  for (std::uint64_t i = 0; i <= Ledger::kAsideMax; ++i)
    ledger.set_aside(positions(10 * i, 10 * i + 5));
  CHECK(ledger.aside().size() == Ledger::kAsideMax);
}

TEST_CASE("what is held is settled, done or not") {
  Ledger ledger(100);
  ledger.hold({200, 300});
  CHECK(ledger.is_settled({200, 300}));
  CHECK(ledger.is_settled({0, 100}));
  CHECK_FALSE(ledger.is_settled({199, 300}));
  CHECK_FALSE(ledger.is_done({200, 300}));
  ledger.release({200, 300});
  CHECK_FALSE(ledger.is_settled({200, 300}));
}

// Against a byte each: as slow as it is simple.
TEST_CASE("a ledger says what a map of bytes would say, in whatever order ranges are done") {
  std::minstd_rand random(20261130);
  const auto below = [&](std::uint64_t bound) { return random() % bound; };
  for (int life = 0; life < 50; ++life) {
    constexpr std::uint64_t kBytes = 200;
    const auto begin = below(20);
    Ledger ledger{Position(begin)};
    std::vector<bool> done(kBytes, false);
    std::fill_n(done.begin(), begin, true);
    for (int step = 0; step < 60; ++step) {
      const auto from = below(kBytes);
      const auto to = from + below(std::min<std::uint64_t>(15, kBytes - from));
      below(5) == 0 ? ledger.pass_room(positions(from, to)) : ledger.done(positions(from, to));
      std::fill(done.begin() + static_cast<long>(from), done.begin() + static_cast<long>(to), true);
      const auto front = std::find(done.begin(), done.end(), false) - done.begin();
      REQUIRE(ledger.front() == static_cast<std::uint64_t>(front));
      const auto a = below(kBytes);
      const auto b = a + below(kBytes - a);
      const auto undone = std::count(done.begin() + static_cast<long>(a),
                                     done.begin() + static_cast<long>(b), false);
      REQUIRE(ledger.undone_bytes(positions(a, b)) == static_cast<std::uint64_t>(undone));
      if (a < b) REQUIRE(ledger.is_done(positions(a, b)) == (undone == 0));
    }
  }
}
