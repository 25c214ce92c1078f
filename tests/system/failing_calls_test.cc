// Calls that fail: on a deleted buffer, and in the search for rotated ones.

#include <filesystem>

#include "tests/support/eventually.h"
#include "tests/support/occurrences.h"
#include "tests/system/place.h"

namespace punchline::testing {
namespace {

namespace fs = std::filesystem;
using Catch::Matchers::Contains;
using std::chrono::seconds;

/// An agent that cannot deliver yet what waits in its buffer, which is deleted.
struct Deleted : Place {
  std::unique_ptr<Agent> agent;

  Deleted() {
    broker->set_leader("t", 0, -1);
    setup.before = {"env", "LD_PRELOAD=" PUNCHLINE_FAIL_CALLS,
                    "FAIL_CALLS=" + folder.file("fail")};
    append("one\ntwo\n");
    agent = std::make_unique<Agent>(setup);
    REQUIRE(agent->logs("fresh"));
    fs::remove(buffer);
    REQUIRE(agent->logs("what waits in it (8 bytes) is still forwarded"));
  }
  std::string fail(const std::string& call) const {
    auto word = folder.file("fail." + call);
    write_file(word, "");
    return word;
  }
};

}  // namespace

TEST_CASE("looks at the holder fail for a while: the buffer is not let go") {
  const Deleted place;
  REQUIRE(place.agent->logs("created"));
  const auto word = place.fail("holder");
  REQUIRE(eventually(seconds(20), [&] { return fs::exists(word + ".met"); }));
  fs::remove(word);
  place.broker->set_leader("t", 0, 1);
  CHECK(eventually(seconds(20), [&] {
    return place.agent->metric("punchline_records_confirmed_total") == 2;
  }));
  CHECK(place.agent->stop().code == 0);
  CHECK(place.delivered() == "one\ntwo\n");
}

TEST_CASE("whether anything is left to save cannot be known: told, and no good end") {
  const Deleted place;
  (void)place.fail("statx");
  CHECK(place.agent->stop().code == 74);
  CHECK_THAT(place.agent->log(), Contains("what it holds is not saved: "));
}

/// A buffer that was rotated while no agent ran, twice, the second time with a file that none has
/// ever seen; and the broker cannot be reached.
struct Rotated : Place {
  std::string live = folder.file("app.buf");

  Rotated() {
    buffer = live;
    setup.buffer = live;
    setup.before = {"env", "LD_PRELOAD=" PUNCHLINE_FAIL_CALLS,
                    "FAIL_CALLS=" + folder.file("fail")};
    append("one\n");
    const auto first = once();
    INFO(first.err);
    REQUIRE(first.exit.code == 0);
    fs::remove(live);
    append("two\n");
    fs::rename(live, folder.file("app.buf.1"));
    append("three\n");
  }
  void check_delivered() const {
    const auto finished = once();
    INFO(finished.err);
    CHECK(finished.exit.code == 0);
    for (const auto* line : {"one\n", "two\n", "three\n"})
      CHECK(occurrences(delivered(), line) == 1);
  }
};

TEST_CASE("a folder that cannot be listed is told, looked at again, and counts as not looked at") {
  const Rotated place;
  write_file(place.folder.file("fail.readdir"), "");
  SECTION("and then it can") {
    Agent agent(place.setup);
    REQUIRE(agent.logs("whether it was rotated, and something of it is left, cannot be seen"));
    fs::remove(place.folder.file("fail.readdir"));
    CHECK(agent.logs("app.buf.1 was this buffer"));
    CHECK(agent.stop().code == 0);
  }
  SECTION("with --once that is no good end") {
    CHECK(place.once().exit.code == 75);
  }
  fs::remove(place.folder.file("fail.readdir"));
  place.check_delivered();
}

TEST_CASE("a file that cannot be asked whether it was the buffer is asked again by the next start") {
  const Rotated place;
  write_file(place.folder.file("fail.state"), "");  // ENOMEM
  const auto finished = place.once();
  INFO(finished.err);
  CHECK_THAT(finished.err, Contains("app.buf.1"));
  CHECK(finished.exit.code != 0);
  fs::remove(place.folder.file("fail.state"));
  place.check_delivered();
}

TEST_CASE("a file whose state cannot be stored yet is found again after a kill -9") {
  const Rotated place;
  write_file(place.folder.file("fail.store"), "");  // EDQUOT
  auto away = place.setup;
  away.brokers = "127.0.0.1:1";
  Agent agent(away);
  REQUIRE(agent.logs("app.buf.1 was this buffer"));
  agent.kill9();
  fs::remove(place.folder.file("fail.store"));
  place.check_delivered();
}

}  // namespace punchline::testing
