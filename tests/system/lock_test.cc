// One agent a buffer, whoever else locks it: FORMAT.md, "Who may work on it".

#include <csignal>
#include <filesystem>

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include "tests/support/eventually.h"
#include "tests/support/occurrences.h"
#include "tests/system/place.h"

namespace punchline::testing {
namespace {

namespace fs = std::filesystem;
using Catch::Matchers::Contains;
using std::chrono::seconds;

/// A program that locks all of the file that it writes to, by every means there is, and never lets
/// go.
class LockingWriter {
 public:
  explicit LockingWriter(const std::string& path)
      : fd_(::open(path.c_str(), O_RDWR | O_APPEND | O_CREAT | O_CLOEXEC, 0600)) {
    struct flock all {};
    all.l_type = F_WRLCK;
    REQUIRE(::flock(fd_, LOCK_EX | LOCK_NB) == 0);
    REQUIRE(::fcntl(fd_, F_OFD_SETLK, &all) == 0);
  }
  ~LockingWriter() { ::close(fd_); }
  LockingWriter(const LockingWriter&) = delete;
  LockingWriter& operator=(const LockingWriter&) = delete;
  void write(std::string_view text) const {
    REQUIRE(::write(fd_, text.data(), text.size()) == static_cast<ssize_t>(text.size()));
  }

 private:
  int fd_;
};

/// The buffer under another name in another folder: what a container sees that shares the file
/// alone.
struct Shared : Place {
  RunSetup apart = setup;
  Shared() {
    write_file(buffer, "");
    fs::create_directory(folder.file("apart"));
    apart.buffer = folder.file("apart/buffer");
    fs::create_hard_link(buffer, apart.buffer);
  }
  static bool confirms(Agent& agent, double records) {
    return eventually(seconds(30),
                      [&] { return agent.metric("punchline_records_confirmed_total") >= records; });
  }
};

}  // namespace

TEST_CASE("a writer that locks its file for ever holds nothing up, and nothing holds it up",
          "[W1]") {
  const Place place;
  {
    const LockingWriter writer(place.buffer);
    writer.write("before\n");
    Agent agent(place.setup);
    REQUIRE(agent.drains());
    writer.write("beside\n");
    REQUIRE(agent.drains());
    CHECK(place.append_lines("by append\n").exit.code == 0);
    REQUIRE(agent.drains());
    CHECK(agent.stop().code == 0);
    CHECK_THAT(agent.log(), !Contains("lock"));
  }
  Agent agent(place.setup);
  REQUIRE(agent.drains());
  LockingWriter(place.buffer).write("behind\n");  // there is no lock of the agent's to wait for
  REQUIRE(agent.drains());
  CHECK(agent.stop().code == 0);
  CHECK(place.delivered() == "before\nbeside\nby append\nbehind\n");
}

TEST_CASE("a killed agent's successor does not wait for it", "[W3][K13]") {
  const Place place;
  Agent agent(place.setup);
  place.append("one\n");
  REQUIRE(agent.drains());
  agent.kill9();
  place.append("two\n");
  const auto once = place.once();
  CHECK(once.exit.code == 0);
  CHECK_THAT(once.err, !Contains("asked"));
  CHECK(place.delivered() == "one\ntwo\n");
}

TEST_CASE("who shares the file alone is kept out by an agent that lives", "[W2][W5]") {
  const Shared shared;
  Agent agent(shared.setup);
  shared.append("one\n");
  REQUIRE(agent.drains());
  const auto refused = run_once(shared.apart);
  CHECK(refused.exit.code == 75);
  CHECK_THAT(refused.err, Contains("is locked by pid " + std::to_string(agent.process().pid())));
  CHECK_THAT(inspect(shared.apart.buffer).text,
             Contains("\"pid\": " + std::to_string(agent.process().pid())));
  CHECK(agent.stop().code == 0);
  CHECK(run_once(shared.apart).exit.code == 0);
}

TEST_CASE("an agent that was stopped for long lets go of what was taken over meanwhile", "[W6]") {
  const Shared shared;
  Agent agent(shared.setup);
  shared.append("one\n");
  REQUIRE(agent.drains());
  agent.process().signal(SIGSTOP);
  shared.append("two\n");
  {
    Agent other(shared.apart);  // waits for an answer first
    REQUIRE(Shared::confirms(other, 1));
    agent.process().signal(SIGCONT);
    REQUIRE(agent.logs("was taken over by pid " + std::to_string(other.process().pid())));
    CHECK_THAT(agent.page("/status"), Contains("\"state\": \"starting\""));
    shared.append("three\n");
    REQUIRE(Shared::confirms(other, 2));
    CHECK(other.stop().code == 0);
  }
  shared.append("four\n");  // the first one tries again each second
  CHECK(Shared::confirms(agent, 2));
  CHECK(agent.stop().code == 0);
  CHECK(shared.delivered() == "one\ntwo\nthree\nfour\n");
}

TEST_CASE("a file that lost its name, and is taken over then, is no trouble of the buffer", "[W6]") {
  const Shared shared;
  shared.append("one\n");
  shared.broker->set_leader("t", 0, -1);
  Agent agent(shared.setup);
  REQUIRE(agent.logs("fresh"));
  fs::rename(shared.buffer, shared.buffer + ".1");
  shared.append("two\n");
  REQUIRE(eventually(seconds(20), [&] { return occurrences(agent.log(), ": fresh, ") == 2; }));
  agent.process().signal(SIGSTOP);
  Agent other(shared.apart);
  REQUIRE(other.logs("resumed"));
  agent.process().signal(SIGCONT);
  REQUIRE(agent.logs("was taken over by pid " + std::to_string(other.process().pid())));
  shared.broker->set_leader("t", 0, 1);
  CHECK(Shared::confirms(agent, 1));
  CHECK(Shared::confirms(other, 1));
  CHECK_THAT(agent.page("/status"), Contains("\"trouble\": null"));
  CHECK(agent.page("/readyz") == "ok\n");
  CHECK(agent.stop().code == 0);
  CHECK(other.stop().code == 0);
}

TEST_CASE("run --once that was taken over ends with 75") {
  const Shared shared;
  shared.append("one\n");
  shared.broker->set_leader("t", 0, -1);
  Process once(run_command({.buffer = shared.buffer,
                            .brokers = shared.broker->bootstrap(),
                            .topic = "t",
                            .more = {"--once"}}));
  REQUIRE(eventually(seconds(20), [&] { return once.err().find("fresh") != std::string::npos; }));
  once.signal(SIGSTOP);
  Agent other(shared.apart);
  REQUIRE(other.logs("resumed"));
  once.signal(SIGCONT);
  CHECK(once.finish(seconds(20)).code == 75);
  CHECK(other.process().running());
}

TEST_CASE("an agent without a lock file says so, and keeps others out all the same") {
  const Place place;
  const auto lock_file = place.buffer + ".agent";
  fs::create_directory(lock_file);
  Agent agent(place.setup);
  REQUIRE(agent.logs("no lock file"));
  place.append("one\n");
  REQUIRE(agent.drains());
  CHECK(place.once().exit.code == 75);
  CHECK(agent.stop().code == 0);
  CHECK(fs::is_directory(lock_file));
}

TEST_CASE("a lock file that is deleted lets no second agent in") {
  const Place place;
  Agent agent(place.setup);
  place.append("one\n");
  REQUIRE(agent.drains());
  fs::remove(place.buffer + ".agent");
  CHECK(place.once().exit.code == 75);
  place.append("two\n");
  REQUIRE(agent.drains());
  CHECK(agent.stop().code == 0);
  CHECK(place.delivered() == "one\ntwo\n");
}

}  // namespace punchline::testing
