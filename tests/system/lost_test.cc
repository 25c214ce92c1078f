// What somebody took away before it was delivered: FORMAT.md, "What was lost".

#include <filesystem>

#include <sys/xattr.h>

#include "tests/support/eventually.h"
#include "tests/system/place.h"

namespace punchline::testing {
namespace {

namespace fs = std::filesystem;
using Catch::Matchers::Contains;
using std::chrono::seconds;

std::string numbered(int lines) {
  std::string text;
  for (int i = 0; i < lines; ++i)
    text += "record " + std::to_string(1000 + i) + "\n";
  return text;
}

Finished verify(const std::string& buffer) {
  return run(punchline({"verify", buffer}));
}

std::string noted(const std::string& path) {
  std::string text(500, '\0');
  const auto bytes = ::getxattr(path.c_str(), "user.punchline.lost", text.data(), text.size());
  return bytes < 0 ? "" : text.substr(0, static_cast<std::size_t>(bytes));
}

/// Has delivered a record, and reads on what it cannot deliver any more.
void lose_leader(const Place& place, Agent& agent) {
  place.append("warm\n");
  REQUIRE(agent.drains());
  place.broker->set_leader("t", 0, -1);
  place.append(numbered(100));
  REQUIRE(eventually(seconds(20),
                     [&] { return agent.metric("punchline_records_read_total") == 101; }));
}

void check_forgettable(const std::string& buffer) {
  REQUIRE(::removexattr(buffer.c_str(), "user.punchline.lost") == 0);
  CHECK(verify(buffer).exit.code == 0);
}

}  // namespace

TEST_CASE("truncated with records waiting: it stays to be seen until somebody forgets it", "[G1]") {
  const Place place;
  {
    Agent agent(place.setup);
    lose_leader(place, agent);
    fs::resize_file(place.buffer, 0);
    REQUIRE(agent.logs("1200 bytes from position 5 on are gone, 100 records of them read"));
    CHECK(agent.metric("punchline_lost_records_total", "truncated") == 100);
    CHECK(agent.metric("punchline_lost_bytes_total", "truncated") == 1200);
    CHECK(agent.metric("punchline_unsettled_records") == 0);
    place.append("later\n");
    CHECK(agent.stop().code == 0);
  }
  CHECK(noted(place.buffer) == "truncated times=1 records=100 bytes=1200\n");
  place.broker->set_leader("t", 0, 1);
  const auto again = place.once();
  CHECK(again.exit.code == 0);
  CHECK_THAT(again.err, Contains("lost in earlier runs: truncated: 100 known records"));
  CHECK(place.delivered() == "warm\nlater\n");

  const auto seen = verify(place.buffer);
  CHECK(seen.exit.code == 1);
  CHECK_THAT(seen.out, Contains("damage     lost: truncated: 100 known records, up to 1200 bytes"));
  CHECK_THAT(run(punchline({"inspect", place.buffer})).out,
             Contains("lost       truncated: 100 known records"));
  CHECK_THAT(run(punchline({"inspect", "--json", place.buffer})).out,
             Contains("\"truncated\": {") && Contains("\"bytes\": 1200"));
  check_forgettable(place.buffer);
}

// The reports for what is in flight are waited for, and it may end within that time.
TEST_CASE("what is appended behind a truncation that the agent has seen is delivered, however it ends") {
  Place place;
  place.setup.before = {"env", "PUNCHLINE_STOP_TIMEOUT=1s"};
  const auto frames = [&](const std::string& text) {
    REQUIRE(place.append_lines(text, {"--format", "frames"}).exit.code == 0);
  };
  frames(numbered(1000));
  Agent agent(place.setup);
  REQUIRE(agent.drains());
  place.broker->set_delay(seconds(10));
  frames("gone\n");
  REQUIRE(eventually(seconds(20),
                     [&] { return agent.metric("punchline_in_flight_records") == 1; }));
  fs::resize_file(place.buffer, 0);
  REQUIRE(agent.logs("truncated while up to"));
  frames(numbered(2000));
  const bool is_killed = GENERATE(true, false);
  if (is_killed) {
    agent.kill9();
  } else {
    CHECK(agent.stop().code == 0);
  }
  CHECK_THAT(noted(place.buffer), Contains("truncated times=1"));
  place.broker->set_delay(seconds(0));
  CHECK(place.once().exit.code == 0);
  const auto delivered = place.delivered();
  CHECK(delivered.substr(delivered.size() - numbered(2000).size()) == numbered(2000));
}

TEST_CASE("truncated while no agent ran: the next run tells, and ends with 65", "[G1]") {
  const Place place;
  place.broker->set_leader("t", 0, -1);
  place.append(numbered(100));
  CHECK(run_once(place.setup, seconds(11)).exit.code == 69);
  fs::resize_file(place.buffer, 0);
  place.broker->set_leader("t", 0, 1);
  const auto once = place.once();
  CHECK(once.exit.code == 65);
  CHECK_THAT(once.err, Contains("error: " + place.buffer + ": shorter than it was"));
  CHECK_THAT(once.err, Contains("of what waited in it up to 1200 bytes are gone"));
  CHECK(noted(place.buffer) == "truncated times=1 records=0 bytes=1200\n");
  CHECK(place.once().exit.code == 0);
  CHECK(verify(place.buffer).exit.code == 1);
  check_forgettable(place.buffer);
}

TEST_CASE("truncated with nothing waiting is no loss") {
  const Place place;
  place.append(numbered(100));
  CHECK(place.once().exit.code == 0);
  fs::resize_file(place.buffer, 0);
  CHECK(place.once().exit.code == 0);
  CHECK(noted(place.buffer).empty());
  CHECK(verify(place.buffer).exit.code == 0);
}

TEST_CASE("what a deleted buffer held and cannot be saved is noted on the next of its name",
          "[G3]") {
  Place place;
  place.buffer = place.folder.file(std::string(220, 'b'));  // no name of a copy is short enough
  place.setup.buffer = place.buffer;
  Agent agent(place.setup);
  lose_leader(place, agent);
  fs::remove(place.buffer);
  REQUIRE(agent.logs("deleted; what waits in it (1200 bytes) is still forwarded"));
  REQUIRE(agent.logs("created"));
  CHECK(agent.stop().code == 74);
  CHECK_THAT(agent.log(), Contains("deleted with data in it that was not delivered: 1200 bytes"));
  CHECK(noted(place.buffer) == "deleted times=1 records=100 bytes=1200\n");
}

}  // namespace punchline::testing
