// A buffer that somebody rotates, renames or deletes while the agent runs: FORMAT.md, "Rotated by
// hand".

#include <csignal>
#include <filesystem>
#include <thread>

#include <fcntl.h>
#include <unistd.h>

#include "tests/support/eventually.h"
#include "tests/support/occurrences.h"
#include "tests/system/outage.h"

namespace punchline::testing {
namespace {

namespace fs = std::filesystem;
using Catch::Matchers::Contains;
using std::chrono::seconds;

}  // namespace

TEST_CASE("compressed while it is forwarded: what is left is saved") {
  const Outage place;
  place.append("one\n");
  place.agent_dies();
  place.rename_to("app.buf.1");
  place.broker->set_leader("t", 0, -1);
  Agent agent(place.setup);
  REQUIRE(agent.logs("was this buffer"));
  place.gzip("app.buf.1");
  CHECK(agent.stop().code == 0);
  const auto saved = orphans_in(place.folder.path());
  REQUIRE(saved.size() == 1);
  CHECK(read_file(saved[0]) == "one\n");
}

TEST_CASE("a rename while the agent runs is told at once, with where it went and what to do") {
  const Outage place;
  place.append("one\n");
  Agent agent(place.setup);
  REQUIRE(agent.drains());
  SECTION("beside it") {
    fs::rename(place.buffer, place.beside("app.buf.1"));
    REQUIRE(agent.logs("deleted or renamed (it is " + place.beside("app.buf.1") +
                       " now, and a later start finds it there; do not rotate a buffer"));
  }
  SECTION("into another folder") {
    fs::create_directory(place.beside("old"));
    fs::rename(place.buffer, place.beside("old/app.buf.1"));
    REQUIRE(agent.logs("now, where no later start looks for it: forward it with run --once -b then"));
  }
  CHECK(agent.stop().code == 0);
}

TEST_CASE("rotated twice before the agent looks again: nothing of either is passed over", "[E4]") {
  const Outage place;
  place.append("one\n");
  Agent agent(place.setup);
  REQUIRE(agent.drains());
  agent.process().signal(SIGSTOP);
  for (const auto* name : {"app.buf.2", "app.buf.1"}) {
    place.append(std::string("before ") + name + "\n");
    place.rename_to(name);
  }
  place.append("last\n");
  agent.process().signal(SIGCONT);
  CHECK(eventually(seconds(20),
                   [&] { return agent.metric("punchline_records_confirmed_total") == 4; }));
  CHECK(agent.stop().code == 0);
  for (const auto* line : {"before app.buf.2\n", "before app.buf.1\n", "last\n"})
    CHECK(occurrences(place.delivered(), line) == 1);
}

TEST_CASE("deleted where it has a second name elsewhere: what waits is told to be there") {
  const Outage place;
  place.append("one\n");
  fs::create_directory(place.beside("elsewhere"));
  fs::create_hard_link(place.buffer, place.beside("elsewhere/kept"));
  auto lonely = place.setup;
  lonely.brokers = "127.0.0.1:1";
  Agent agent(lonely);
  REQUIRE(agent.logs("fresh"));
  fs::remove(place.buffer);
  REQUIRE(agent.logs("a hard link of inode"));
  CHECK(agent.stop().code == 0);
  CHECK_THAT(agent.log(), Contains("was deleted with data in it that is not delivered"));
}

// The pace of a load: each file has its name for a tenth of a second.
TEST_CASE("renamed ten times within a second while the agent runs: none is passed over") {
  const Outage place;
  place.append("one\n");
  Agent agent(place.setup);
  REQUIRE(eventually(seconds(20),
                     [&] { return agent.metric("punchline_records_confirmed_total") == 1; }));
  for (int i = 0; i < 10; ++i) {
    fs::rename(place.buffer, place.beside("app.buf." + std::to_string(i) + ".old"));
    place.append("of " + std::to_string(i) + "\n");
    std::this_thread::sleep_for(std::chrono::milliseconds(100));
  }
  CHECK(eventually(seconds(20),
                   [&] { return agent.metric("punchline_records_confirmed_total") == 11; }));
  CHECK(agent.stop().code == 0);
  CHECK(occurrences(place.delivered(), "\n") == 11);
}

TEST_CASE("renamed and closed to the agent while it forwards it: nothing is to be told") {
  Outage place;
  if (::geteuid() == 0)
    place.setup.before = {"setpriv", "--bounding-set=-dac_override,-dac_read_search"};
  place.broker->set_leader("t", 0, -1);
  place.append("one\n");
  Agent agent(place.setup);
  REQUIRE(agent.logs("fresh"));
  fs::permissions(place.buffer, fs::perms::none);
  fs::rename(place.buffer, place.beside("app.buf.1"));
  REQUIRE(agent.logs("created"));
  place.broker->set_leader("t", 0, 1);
  CHECK(eventually(seconds(20),
                   [&] { return agent.metric("punchline_records_confirmed_total") == 1; }));
  CHECK(agent.stop().code == 0);
  CHECK_THAT(agent.log(), !Contains("may have been this buffer"));
}

TEST_CASE("renamed while the agent runs, and killed before it is drained: the next start has it") {
  const Outage place;
  place.broker->set_leader("t", 0, -1);
  {
    Agent agent(place.setup);
    REQUIRE(agent.logs("fresh"));
    place.append("one\n");
    fs::rename(place.buffer, place.beside("app.buf.1"));
    REQUIRE(agent.logs("deleted or renamed"));
    agent.kill9();
  }
  place.broker->set_leader("t", 0, 1);
  CHECK(place.once().exit.code == 0);
  CHECK(place.delivered() == "one\n");
}

TEST_CASE("rotated twice at once, the file between still empty: it is read too") {
  const Outage place;
  place.append("one\n");
  Agent agent(place.setup);
  REQUIRE(agent.drains());
  fs::rename(place.buffer, place.beside("app.buf.2"));
  const int producer = ::open(place.buffer.c_str(), O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
  place.rename_to("app.buf.1");
  REQUIRE(agent.logs("app.buf.1 was this buffer, and a producer may still have it open"));
  REQUIRE(::write(producer, "late\n", 5) == 5);
  CHECK(eventually(seconds(20), [&] { return occurrences(place.delivered(), "late\n") == 1; }));
  ::close(producer);
  CHECK(agent.stop().code == 0);
}

TEST_CASE("a producer that is quiet for long, and still has it open, is waited for", "[.slow]") {
  const Outage place;
  place.append("one\n");
  Agent agent(place.setup);
  REQUIRE(agent.drains());
  const int producer = ::open(place.buffer.c_str(), O_WRONLY | O_APPEND | O_CLOEXEC);
  const bool has_name = GENERATE(true, false);
  place.rename_to("app.buf.1");
  if (!has_name) fs::remove(place.beside("app.buf.1"));
  REQUIRE(agent.logs("a new file under the name is taken at once"));
  std::this_thread::sleep_for(seconds(65));  // in which one that nobody has open would be let go
  CHECK_THAT(agent.log(), !Contains("let go"));
  REQUIRE(::write(producer, "late\n", 5) == 5);
  CHECK(eventually(seconds(20), [&] { return occurrences(place.delivered(), "late\n") == 1; }));
  ::close(producer);
  CHECK(agent.logs("let go", seconds(90)));
  CHECK(agent.stop().code == 0);
}

}  // namespace punchline::testing
