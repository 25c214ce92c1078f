#include "buffer/origin.h"

#include <string>

#include "tests/support/catch.h"

using namespace punchline;

namespace {

// Delivered up to 500 and synced up to 800, in boot 1; the file ends at 1,000.
State noted(Position front = 500, Position synced = 800) {
  State state;
  state.boot = 1;
  state.front = front;
  state.synced = synced;
  state.identity = 7;
  return state;
}

StartFacts in_boot(std::uint64_t boot) {
  StartFacts facts;
  facts.boot = boot;
  facts.boot_time_ns = 100;
  facts.now_ns = 1000;
  return facts;
}

}  // namespace

TEST_CASE("how a buffer with a state was found", "[S2][S3][S6][S7]") {
  struct Row {
    const char* words;
    Position front;
    Position synced;
    std::uint64_t boot;
    std::uint32_t identity;
    Position end;
    bool begins;
    bool is_torn_collapse;
    Origin origin;
    std::uint64_t lost_bytes;
  };
  const Row row = GENERATE(values<Row>({
      {"as it was left", 500, 800, 1, 7, 1000, true, false, Origin::resumed, 0},
      {"nothing was appended since", 500, 500, 1, 7, 500, true, false, Origin::resumed, 0},
      {"after a boot", 500, 800, 2, 7, 1000, true, false, Origin::new_boot, 0},
      {"a boot took what was not synced", 900, 800, 2, 7, 850, true, false, Origin::new_boot, 0},
      {"a copy", 500, 800, 1, 8, 1000, true, false, Origin::copied, 0},
      {"a copy that is too short", 500, 800, 2, 8, 10, false, true, Origin::copied, 0},
      {"a torn collapse", 500, 800, 1, 7, 10, true, true, Origin::damaged, 0},
      {"shorter than the front", 500, 800, 1, 7, 400, true, false, Origin::truncated, 300},
      {"shorter than what was synced", 500, 800, 1, 7, 700, true, false, Origin::truncated, 100},
      {"the same after a boot", 500, 800, 2, 7, 700, true, false, Origin::truncated, 100},
      {"grown again", 500, 800, 1, 7, 2000, false, false, Origin::truncated, 300},
      {"grown again, all was delivered", 800, 800, 1, 7, 2000, false, false, Origin::truncated, 0},
  }));
  INFO(row.words);
  const auto state = noted(row.front, row.synced);
  const auto judged = judge({state, row.identity, row.end, row.begins, row.is_torn_collapse},
                            in_boot(row.boot));
  CHECK(judged.origin == row.origin);
  CHECK(judged.lost_bytes == row.lost_bytes);
  const bool is_anew = judged.origin != Origin::resumed && judged.origin != Origin::new_boot;
  CHECK(judged.why.empty() == !is_anew);
  CHECK((judged.why.find(" bytes are gone") != std::string::npos) == (row.lost_bytes > 0));
}

TEST_CASE("who saw it being truncated says what is lost, and a start does not say it again") {
  auto facts = in_boot(1);
  facts.truncated = true;
  const auto state = noted();
  for (const Position end : {Position(0), Position(700), Position(2000)}) {
    const auto judged = judge({state, 7, end}, facts);
    CHECK(judged.origin == Origin::truncated);
    CHECK(judged.lost_bytes == 0);
  }
}

TEST_CASE("a fence that was asked for makes a start the first of a boot", "[S3]") {
  auto facts = in_boot(1);
  facts.force_fence = true;
  const auto state = noted();
  CHECK(judge({state, 7, 1000}, facts).origin == Origin::new_boot);
  CHECK(judge_without_state(500, true, facts) == Origin::unknown);
}

TEST_CASE("a boot takes the front back to what was synced, and not below the base", "[S3]") {
  CHECK(front_at_start(noted(500, 400), in_boot(1)) == 500);
  CHECK(front_at_start(noted(500, 400), in_boot(2)) == 400);
  CHECK(front_at_start(noted(500, 800), in_boot(2)) == 500);
  auto collapsed = noted(500, 400);
  collapsed.base = 450;
  CHECK(front_at_start(collapsed, in_boot(2)) == 450);
}

TEST_CASE("a file without a state is read exactly only if it was born in this boot", "[S4][S5]") {
  const auto facts = in_boot(1);  // which began at 100, and now is 1000
  CHECK(judge_without_state(101, true, facts) == Origin::fresh);
  CHECK(judge_without_state(1000, true, facts) == Origin::fresh);
  CHECK(judge_without_state(100, true, facts) == Origin::unknown);
  CHECK(judge_without_state(1001, true, facts) == Origin::unknown);  // the clock is behind
  CHECK(judge_without_state(500, false, facts) == Origin::unknown);
}
