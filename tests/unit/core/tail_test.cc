#include "agent/core/tail.h"

#include "tests/support/catch.h"

using namespace punchline;
using namespace std::chrono_literals;

namespace {

const TimePoint kStart{1h};

}  // namespace

TEST_CASE("the end is looked at once a second, and a millisecond after a wake") {
  Tail tail(kStart);
  CHECK_FALSE(tail.rests(kStart));
  tail.reach(kStart);
  CHECK(tail.is_quiet());
  CHECK(tail.rests(kStart + 999ms));
  CHECK_FALSE(tail.rests(kStart + 1s));
  CHECK(tail.next_look(kStart) == kStart + 1s);
  tail.wake();
  CHECK_FALSE(tail.is_quiet());
  CHECK(tail.is_reached());
  CHECK(tail.rests(kStart));
  CHECK_FALSE(tail.rests(kStart + 1ms));
  CHECK(tail.next_look(kStart) == kStart + 1ms);
}

TEST_CASE("a wake without growth is told, the first look is not one") {
  Tail tail(kStart);
  tail.reach(kStart);
  CHECK_FALSE(tail.take_vain_wake());
  tail.reach(kStart + 1s);
  CHECK_FALSE(tail.take_vain_wake());
  tail.wake();
  tail.reach(kStart + 2s);
  CHECK(tail.take_vain_wake());
  CHECK_FALSE(tail.take_vain_wake());
  tail.wake();
  tail.leave();  // something was read
  tail.reach(kStart + 3s);
  CHECK_FALSE(tail.take_vain_wake());
}

TEST_CASE("an unfinished line is told once, a minute after it has last grown") {
  Tail tail(kStart);
  tail.note_unfinished(10, kStart);
  CHECK_FALSE(tail.tells_unfinished(kStart + 59s));
  tail.note_unfinished(20, kStart + 59s);
  CHECK(tail.unfinished_for(kStart + 60s) == 1s);
  CHECK_FALSE(tail.tells_unfinished(kStart + 118s));
  CHECK(tail.tells_unfinished(kStart + 119s));
  CHECK_FALSE(tail.tells_unfinished(kStart + 200s));
  tail.note_unfinished(30, kStart + 200s);
  CHECK(tail.tells_unfinished(kStart + 260s));
}
