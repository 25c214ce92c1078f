#include "agent/core/trouble_log.h"

#include "tests/support/catch.h"
#include "tests/unit/core/world.h"

using namespace punchline;
using namespace std::chrono_literals;
using punchline::testing::KeptLog;

namespace {

constexpr TimePoint kStart{1000s};

Trouble trouble(const std::string& text, std::optional<Duration> retry = 1s) {
  return {text, false, retry};
}

}  // namespace

TEST_CASE("two troubles at once are told once each, and that each is over") {
  KeptLog log;
  TroubleLog troubles(log, "a.buf");
  auto now = kStart;
  for (int second = 0; second < 20; ++second, now += 1s) {
    troubles.met(trouble("one"), now);
    if (second < 10) troubles.met(trouble("two"), now);
    troubles.tell_of_ends(now);
  }
  CHECK(log.lines == std::vector<std::string>{"one; nothing is lost, trying again each second",
                                              "two; nothing is lost, trying again each second",
                                              "a.buf: over: two"});
}

TEST_CASE("a trouble is not over before its next try, and not at all where there is none") {
  KeptLog log;
  TroubleLog troubles(log, "a.buf");
  troubles.met(trouble("collapse", 60s), kStart);
  troubles.met(trouble("for good", std::nullopt), kStart);
  troubles.tell_of_ends(kStart + 60s);
  troubles.met(trouble("collapse", 60s), kStart + 60s);
  troubles.tell_of_ends(kStart + 120s);
  CHECK(log.lines ==
        std::vector<std::string>{"collapse; nothing is lost, trying again each 60 seconds",
                                 "for good; nothing is lost, not tried again"});
  troubles.tell_of_ends(kStart + 1h);
  CHECK(log.lines.back() == "a.buf: over: collapse");
  CHECK(log.lines.size() == 3);
}

TEST_CASE("no more than a few troubles are remembered") {
  KeptLog log;
  TroubleLog troubles(log, "a.buf");
  for (int i = 0; i < 100; ++i)
    troubles.met(trouble(std::to_string(i)), kStart);
  log.lines.clear();
  troubles.tell_of_ends(kStart + 1h);
  CHECK(log.lines.size() == TroubleLog::kTroublesMax);
}
