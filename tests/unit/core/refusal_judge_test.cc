#include "agent/core/refusal_judge.h"

#include "tests/support/catch.h"

using namespace punchline;
using namespace std::chrono_literals;
using Heard = RefusalJudge::Heard;
using Noted = RefusalJudge::Noted;

namespace {

const TimePoint kStart{1h};
constexpr std::int32_t kCode = 87;  // INVALID_RECORD

RefusalJudge::Refused refused(std::uint64_t at) {
  return {positions(at, at + 10), 0, kCode};
}

}  // namespace

TEST_CASE("another record that arrives condemns those that were refused") {
  RefusalJudge judge(1);
  CHECK(judge.note(refused(100)) == Noted::known);
  CHECK(judge.holds({100, 110}));
  CHECK_FALSE(judge.has_condemned());
  CHECK(judge.arrived({200, 300}, 10, false) == Heard::condemned);
  REQUIRE(judge.has_condemned());
  CHECK(judge.first_condemned().range == positions(100, 110));
  CHECK(judge.holds({100, 110}));
  judge.pop_condemned();
  CHECK(judge.empty());
}

TEST_CASE("one of them that arrives acquits all") {
  RefusalJudge judge(1);
  judge.note(refused(100));
  judge.note(refused(200));
  CHECK(judge.arrived({100, 110}, 1, false) == Heard::acquitted);
  CHECK(judge.empty());
  CHECK_FALSE(judge.has_condemned());
}

TEST_CASE("a topic that has never taken a record is blamed, however few it refuses") {
  RefusalJudge judge(1);
  CHECK_FALSE(judge.judge_by_rate());
  judge.note(refused(100));
  CHECK(judge.judge_by_rate());
  CHECK(judge.blame(kStart));
  CHECK(judge.blames_topic());
  CHECK(judge.probe_due() > kStart);
  judge.probed(kStart + 1s);
  CHECK_FALSE(judge.blame(kStart + 2s));  // told once
  CHECK(judge.arrived({100, 110}, 1, false) == Heard::acquitted);
  CHECK_FALSE(judge.blames_topic());
  CHECK_FALSE(judge.is_refusing());
}

TEST_CASE("of a topic that takes records ten in a hundred may be at fault, no more") {
  RefusalJudge judge(1);
  judge.arrived({0, 100}, 100, false);
  for (std::uint64_t i = 0; i < 10; ++i)
    judge.note(refused(1000 + 10 * i));
  CHECK_FALSE(judge.judge_by_rate());
  CHECK(judge.has_condemned());
  judge.note(refused(2000));
  CHECK(judge.judge_by_rate());
}

TEST_CASE("more than can be kept in mind are a fault of the topic") {
  RefusalJudge judge(1);
  for (std::uint64_t i = 0; i + 1 < Unjudged::kMax; ++i)
    REQUIRE(judge.note(refused(10 * i)) == Noted::known);
  CHECK(judge.note(refused(10 * (Unjudged::kMax - 1))) == Noted::blame);
  CHECK(judge.note(refused(10 * Unjudged::kMax)) == Noted::no);
}

TEST_CASE("a broker whose clock is wrong is told once, until nothing lags for it any more") {
  RefusalJudge judge(1);
  CHECK(judge.blame_clock());
  CHECK_FALSE(judge.blame_clock());
  judge.arrived({0, 10}, 1, true);
  CHECK(judge.is_refusing());
  judge.arrived({10, 20}, 1, false);
  CHECK_FALSE(judge.is_refusing());
}
