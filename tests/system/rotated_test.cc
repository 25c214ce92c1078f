// A buffer that somebody rotates, against all advice: FORMAT.md, "Rotated by hand".

#include <algorithm>
#include <array>
#include <csignal>
#include <filesystem>
#include <thread>

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "tests/support/eventually.h"
#include "tests/support/occurrences.h"
#include "tests/system/place.h"

namespace punchline::testing {
namespace {

namespace fs = std::filesystem;
using Catch::Matchers::Contains;
using std::chrono::seconds;

/// A buffer that is rotated while no agent runs, as logrotate(8) does.
struct Outage : Place {
  Outage() {
    buffer = folder.file("app.buf");
    setup.buffer = buffer;
  }
  std::string beside(const std::string& name) const { return folder.file(name); }
  /// An agent has the buffer, reaches no broker, and is killed.
  void agent_dies() const {
    auto lonely = setup;
    lonely.brokers = "127.0.0.1:1";
    Agent agent(lonely);
    REQUIRE(eventually(seconds(20), [&] {
      return ::getxattr(buffer.c_str(), "user.punchline.name", nullptr, 0) > 0;
    }));
    agent.kill9();
  }
  void rename_to(const std::string& name) const {
    fs::rename(buffer, beside(name));
    write_file(buffer, "");
  }
  void gzip(const std::string& name) const {
    REQUIRE(run({.argv = {"gzip", beside(name)}}).exit.code == 0);
  }
};

}  // namespace

TEST_CASE("what was rotated in an outage is forwarded by the next start, the oldest first") {
  const Outage place;
  place.append("one\n");
  place.agent_dies();
  place.append("two\n");
  place.rename_to("app.buf.2");
  place.append("three\n");  // into a file that no agent has ever seen
  place.rename_to("app.buf.1");
  place.append("four\n");
  const auto once = place.once();
  INFO(once.err);
  CHECK(once.exit.code == 0);
  CHECK(once.err.find(place.beside("app.buf.2") + " was this buffer, and holds 8 bytes") <
        once.err.find(place.beside("app.buf.1") + " was this buffer, and holds 6 bytes"));
  const auto delivered = place.delivered();
  for (const auto* line : {"one\n", "two\n", "three\n", "four\n"})
    CHECK(occurrences(delivered, line) == 1);
  const auto again = place.once();
  CHECK_THAT(again.err, !Contains("was this buffer"));
  CHECK(place.delivered() == delivered);
}

TEST_CASE("what was made in the tick in which an agent has looked is not passed over") {
  const Outage place;
  place.append("one\n");
  place.agent_dies();
  place.rename_to("app.buf.2");
  place.append("two\n");  // into a file that no agent has ever seen
  struct statx made {};
  REQUIRE(::statx(AT_FDCWD, place.buffer.c_str(), 0, STATX_BTIME, &made) == 0);
  const struct timespec born{.tv_sec = made.stx_btime.tv_sec, .tv_nsec = made.stx_btime.tv_nsec};
  const std::array times = {born, born};
  REQUIRE(::utimensat(AT_FDCWD, place.beside("app.buf.agent").c_str(), times.data(), 0) == 0);
  place.rename_to("app.buf.1");
  CHECK(place.once().exit.code == 0);
  CHECK(occurrences(place.delivered(), "two\n") == 1);
}

TEST_CASE("by its name or by another that a rotation gives, and by no other") {
  const Outage place;
  place.append("one\n");
  place.agent_dies();
  const bool is_its = GENERATE(true, false);
  const std::string name =
      is_its ? GENERATE("app.buf.7", "app-20261129.buf", "app.1.buf", "app.buf.old") : "app.buf2";
  if (!is_its) REQUIRE(::removexattr(place.buffer.c_str(), "user.punchline.name") == 0);
  place.rename_to(name);
  place.append("two\n");
  const auto once = place.once();
  INFO(name << "\n" << once.err);
  CHECK(once.exit.code == 0);
  CHECK(occurrences(place.delivered(), "one\n") == (is_its ? 1 : 0));
  CHECK(occurrences(place.delivered(), "two\n") == 1);
}

TEST_CASE("what is no rotated buffer is left alone") {
  const Outage place;
  write_file(place.beside("app.buf.3"), "of a time before any agent\n");
  write_file(place.beside("app.buf.4.gz"), "likewise");
  place.append("one\n");
  place.agent_dies();
  write_file(place.beside("app.buf.bak"), "somebody's copy\n");
  write_file(place.beside("app.buf.quarantine.unsynced-1"), "x\n");
  fs::create_hard_link(place.buffer, place.beside("app.buf.1"));
  const auto once = place.once();
  INFO(once.err);
  CHECK(once.exit.code == 0);
  CHECK_THAT(once.err, !Contains("was this buffer") && !Contains("punchline append"));
  CHECK(place.delivered() == "one\n");
}

TEST_CASE("a copy of what was the buffer is named once, with the command that forwards it") {
  const Outage place;
  place.append("one\n");
  place.agent_dies();
  REQUIRE(run({.argv = {"cp", "-a", place.buffer, place.beside("app.buf.2")}}).exit.code == 0);
  const auto once = place.once();
  INFO(once.err);
  CHECK(once.exit.code == 0);
  CHECK_THAT(once.err, Contains(place.beside("app.buf.2") + " is a copy of what was this buffer") &&
                           Contains("punchline run --once -b " + place.beside("app.buf.2")));
  CHECK_THAT(place.once().err, !Contains("is a copy"));
  CHECK(place.delivered() == "one\n");
}

TEST_CASE("truncated while no agent ran, and rotated: read anew, as under its own name") {
  const Outage place;
  for (int i = 0; i < 200; ++i)
    place.append("an old line, long enough\n");
  REQUIRE(place.once().exit.code == 0);
  fs::resize_file(place.buffer, 0);
  place.append("one\n");
  place.rename_to("app.buf.1");
  const auto once = place.once();
  INFO(once.err);
  CHECK_THAT(once.err, Contains("app.buf.1 was this buffer") && Contains("it was truncated"));
  CHECK(occurrences(place.delivered(), "one\n") == 1);
}

TEST_CASE("of several names of one file one that a rotation gives is enough") {
  const Outage place;
  place.append("");
  place.agent_dies();
  fs::remove(place.buffer);
  place.append("one\n");  // into a file that no agent has ever seen
  place.rename_to("app.buf.1");
  for (int i = 0; i < 70; ++i)
    fs::create_hard_link(place.beside("app.buf.1"), place.beside("app.buf.x" + std::to_string(i)));
  const auto once = place.once();
  INFO(once.err);
  CHECK(once.exit.code == 0);
  CHECK(occurrences(place.delivered(), "one\n") == 1);
}

TEST_CASE("where an agent has last looked in the future, what may be new is named") {
  const Outage place;
  place.agent_dies();
  place.append("one\n");
  fs::remove(place.buffer);
  place.append("two\n");
  place.rename_to("app.buf.1");
  fs::last_write_time(place.buffer + ".agent",
                      fs::file_time_type::clock::now() + std::chrono::hours(48));
  const auto once = place.once();
  INFO(once.err);
  CHECK_THAT(once.err, Contains("app.buf.1 was made while no agent ran"));
  CHECK_THAT(place.once().err, !Contains("app.buf.1"));
}

TEST_CASE("what was compressed is named once, with the command that takes it in") {
  const Outage place;
  place.append("one\n");
  place.agent_dies();
  place.append("two\n");
  place.rename_to("app.buf.1");
  place.gzip("app.buf.1");
  const auto command = "zcat " + place.beside("app.buf.1.gz") + " | punchline append ";
  const auto once = place.once();
  CHECK(once.exit.code == 0);
  CHECK_THAT(once.err, Contains("'" + command + place.buffer + "'"));
  CHECK(place.delivered().empty());
  CHECK_THAT(place.once().err, !Contains(command));

  const auto unpacked = run({.argv = {"zcat", place.beside("app.buf.1.gz")}});
  CHECK(place.append_lines(unpacked.out).exit.code == 0);
  CHECK(place.once().exit.code == 0);
  CHECK(place.delivered() == "one\ntwo\n");
}

TEST_CASE("many are forwarded a few at a time, and let go") {
  const Outage place;
  write_file(place.buffer, "");
  place.agent_dies();
  constexpr int kFiles = 60;
  for (int i = 1; i <= kFiles; ++i) {
    place.append("of " + std::to_string(i) + "\n");
    place.rename_to("app.buf." + std::to_string(i));
  }
  Agent agent(place.setup);
  const auto fds = fs::path("/proc") / std::to_string(agent.process().pid()) / "fd";
  std::ptrdiff_t fds_max = 0;
  CHECK(eventually(seconds(60), [&] {
    const auto open = std::distance(fs::directory_iterator(fds), fs::directory_iterator());
    fds_max = std::max(fds_max, open);
    return occurrences(agent.log(), ": let go") == kFiles;
  }));
  CHECK(agent.metric("punchline_records_confirmed_total") == kFiles);
  CHECK(fds_max < 120);
  CHECK(agent.stop().code == 0);
}

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
    REQUIRE(agent.logs("now, where no later start looks for it: forward it too (-b) then"));
  }
  CHECK(agent.stop().code == 0);
}

TEST_CASE("rotated twice before the agent looks again: nothing of either is passed over") {
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

TEST_CASE("what the name of another buffer fits better goes to that") {
  const Outage place;
  const auto other = place.beside("app-2.buf");
  write_file(other, "");
  REQUIRE(place.once({"-b", other}).exit.code == 0);
  fs::remove(other);
  write_file(other, "one\n");
  fs::rename(other, place.beside("app-2-20261130.buf"));
  write_file(other, "");
  const auto once = place.once({"-b", other});
  INFO(once.err);
  CHECK(once.exit.code == 0);
  CHECK_THAT(once.err,
             Contains(other + ": " + place.beside("app-2-20261130.buf") + " was this buffer"));
  CHECK(place.delivered() == "one\n");
}

TEST_CASE("its quarantine that was rotated is named, with what can be done") {
  Outage place;
  place.setup.before = {"env", "PUNCHLINE_RECORD_BYTES_MAX=1000"};
  place.append(std::string(2000, 'x') + "\none\n");
  REQUIRE(place.once().exit.code == 65);
  fs::rename(place.buffer + ".quarantine", place.buffer + ".quarantine.1");
  const auto once = place.once();
  INFO(once.err);
  CHECK_THAT(once.err, Contains("app.buf.quarantine.1 was its quarantine"));
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

TEST_CASE("stopped before it has taken all, its quarantine forwarded too: none is forgotten") {
  Outage place;
  place.append("one\n");
  place.agent_dies();
  constexpr int kFiles = 30;
  for (int i = 1; i <= kFiles; ++i) {
    place.append("of " + std::to_string(i) + "\n");
    place.rename_to("app.buf." + std::to_string(i));
  }
  REQUIRE(place.broker->create_topic("dead", 1).ok());
  place.setup.before = {"env", "PUNCHLINE_DEAD_LETTER_TOPIC=dead"};
  auto lonely = place.setup;
  lonely.brokers = "127.0.0.1:1";
  Agent agent(lonely);
  REQUIRE(agent.logs("was this buffer"));
  CHECK(agent.stop().code == 0);
  CHECK_THAT(agent.log(), Contains("not delivered, stays in 14 rotated files"));
  CHECK(place.once().exit.code == 0);
  CHECK(occurrences(place.delivered(), "\n") == kFiles + 1);
}

TEST_CASE("one that may not be opened is named once, and found again when it may") {
  Outage place;
  if (::geteuid() == 0)
    place.setup.before = {"setpriv", "--bounding-set=-dac_override,-dac_read_search"};
  place.append("one\n");
  REQUIRE(place.once().exit.code == 0);
  write_file(place.beside("app.conf"), "none of ours\n");
  fs::permissions(place.beside("app.conf"), fs::perms::none);
  place.rename_to("app.buf.2");
  place.append("two\n");
  place.rename_to("app.buf.1");
  fs::permissions(place.beside("app.buf.1"), fs::perms::none);
  const auto once = place.once();
  INFO(once.err);
  CHECK(once.exit.code == 75);
  CHECK(occurrences(once.err, place.beside("app.buf.1") + " may have been this buffer") == 1);
  CHECK(occurrences(once.err, "may have been this buffer") == 1);
  CHECK_THAT(once.err, Contains("Permission denied. Let the agent read and write it"));
  fs::permissions(place.beside("app.buf.1"), fs::perms::owner_read | fs::perms::owner_write);
  CHECK(place.once().exit.code == 0);
  CHECK(place.delivered() == "one\ntwo\n");
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

}  // namespace punchline::testing
