// A deleted buffer, and a call on it that fails.

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
  fs::remove(place.buffer);  // which a later look tells
  REQUIRE(eventually(seconds(20),
                     [&] { return occurrences(place.agent->log(), "created") == 2; }));
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

}  // namespace punchline::testing
