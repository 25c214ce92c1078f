// A buffer that somebody has rotated while no agent ran: FORMAT.md, "Rotated by hand".

#include <algorithm>
#include <array>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <thread>
#include <vector>

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "tests/support/eventually.h"
#include "tests/support/occurrences.h"
#include "tests/system/outage.h"

namespace punchline::testing {
namespace {

namespace fs = std::filesystem;
using Catch::Matchers::Contains;
using std::chrono::seconds;

/// An agent before this version has had `buffer`: it notes no name.
void older_agent_has(const Outage& place, const std::string& buffer) {
  auto away = place.setup;
  away.buffer = buffer;
  away.brokers = "127.0.0.1:1";
  Agent agent(away);
  REQUIRE(eventually(seconds(20), [&] {
    return ::getxattr(buffer.c_str(), "user.punchline.name", nullptr, 0) > 0;
  }));
  agent.kill9();
  REQUIRE(::removexattr(buffer.c_str(), "user.punchline.name") == 0);
}

}  // namespace

TEST_CASE("what was rotated in an outage is forwarded by the next start, the oldest first",
          "[L1][L2]") {
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
  place.note_look(made.stx_btime.tv_sec * 1'000'000'000 + made.stx_btime.tv_nsec);
  place.rename_to("app.buf.1");
  CHECK(place.once().exit.code == 0);
  CHECK(occurrences(place.delivered(), "two\n") == 1);
}

TEST_CASE("one that an agent has had is known by its attributes, whatever its name is") {
  const Outage place;
  place.append("one\n");
  place.agent_dies();
  const std::string name = GENERATE("app.buf.old", "whatever");
  place.rename_to(name);
  place.append("two\n");
  const auto once = place.once();
  INFO(name << "\n" << once.err);
  CHECK(once.exit.code == 0);
  CHECK(occurrences(place.delivered(), "one\n") == 1);
  CHECK(occurrences(place.delivered(), "two\n") == 1);
}

TEST_CASE("one that no agent has ever had is forwarded under a sure name, and else named once") {
  const Outage place;
  place.append("one\n");
  REQUIRE(place.once().exit.code == 0);
  fs::remove(place.buffer);
  place.append("two\n");
  const auto [name, is_sure] = GENERATE(table<std::string, bool>({
      {"app.buf-20261130", true},
      {"app-30-Nov-2026.buf", false},
  }));
  place.rename_to(name);
  const auto once = place.once();
  INFO(name << "\n" << once.err);
  CHECK(once.exit.code == 0);
  CHECK(occurrences(place.delivered(), "two\n") == (is_sure ? 1 : 0));
  const auto told = place.beside(name) + " was made since an agent has last looked";
  CHECK((once.err.find(told) != std::string::npos) == !is_sure);
  CHECK_THAT(place.once().err, !Contains(told) && !Contains("was this buffer"));
}

TEST_CASE("an archive that is still being written is left to its compressor") {
  const Outage place;
  place.append("one\n");
  REQUIRE(place.once().exit.code == 0);
  const int compressor =
      ::open(place.beside("app.buf.1.gz").c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
  Agent agent(place.setup);
  REQUIRE(::write(compressor, "archive\n", 8) == 8);
  place.append("two\n");
  CHECK(eventually(seconds(20), [&] { return occurrences(place.delivered(), "two\n") == 1; }));
  ::close(compressor);
  CHECK(agent.stop().code == 0);
  CHECK_THAT(agent.log(), Contains("app.buf.1.gz was made since an agent has last looked"));
  CHECK(place.delivered() == "one\ntwo\n");
  CHECK(read_file(place.beside("app.buf.1.gz")) == "archive\n");
}

TEST_CASE("the empty file of another service, which that has open, is left alone") {
  const Outage place;
  place.append("one\n");
  const auto other = place.beside(GENERATE("app-1.buf", "app.buf.1"));
  const int producer = ::open(other.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
  Agent agent(place.setup);
  CHECK(eventually(seconds(20), [&] { return place.delivered() == "one\n"; }));
  REQUIRE(::write(producer, "another's\n", 10) == 10);
  ::close(producer);
  CHECK(agent.stop().code == 0);
  CHECK_THAT(agent.log(), !Contains("was this buffer"));
  CHECK(place.delivered() == "one\n");
  CHECK(read_file(other) == "another's\n");
}

TEST_CASE("another buffer that an agent before this version has had is named, not taken") {
  const Outage place;
  const auto other = place.beside("app-2.buf");
  write_file(other, "another's\n");
  older_agent_has(place, other);
  fs::remove(other + ".agent");
  place.append("one\n");
  const auto once = place.once();
  INFO(once.err);
  CHECK_THAT(once.err, Contains("app-2.buf: when an agent has last looked there is not known"));
  CHECK(place.delivered() == "one\n");
  CHECK(read_file(other) == "another's\n");
}

TEST_CASE("a live buffer that has an agent of its own is left to that, under any name") {
  const Outage place;
  place.append("one\n");
  REQUIRE(place.once().exit.code == 0);
  const auto other = place.beside(GENERATE("app.buf.2", "app-2.buf"));
  write_file(other, "another's\n");
  write_file(other + ".agent", "");
  older_agent_has(place, other);
  const auto once = place.once();
  INFO(once.err);
  CHECK_THAT(once.err, !Contains(other));
  CHECK(place.delivered() == "one\n");
}

TEST_CASE("an archive that is written into the file of an earlier one is named") {
  const Outage place;
  write_file(place.beside("app.buf.bak"), "of yesterday\n");
  place.append("one\n");
  REQUIRE(place.once().exit.code == 0);
  write_file(place.beside("app.buf.bak"), "two\n");
  CHECK_THAT(place.once().err, Contains("app.buf.bak was made since an agent has last looked"));
}

TEST_CASE("a quarantine that is forwarded apart does not count as a look for its buffer's") {
  const Outage place;
  place.append("one\n");
  place.agent_dies();
  fs::remove(place.buffer);
  place.append("two\n");
  place.rename_to("app.1.buf");
  auto apart = place.setup;
  apart.buffer = place.buffer + ".quarantine";
  write_file(apart.buffer, "");
  REQUIRE(run_once(apart).exit.code == 0);
  CHECK_THAT(place.once().err, Contains("app.1.buf was made since an agent has last looked"));
}

TEST_CASE("a buffer that is given another name for good is that, whatever the name is like") {
  const Outage place;
  place.append("one\n");
  REQUIRE(place.once().exit.code == 0);
  auto renamed = place.setup;
  renamed.buffer = place.beside("app-2.buf");
  renamed.brokers = "127.0.0.1:1";
  fs::rename(place.buffer, renamed.buffer);
  char name[16] = {};
  const auto is_noted = [&] {
    return ::getxattr(renamed.buffer.c_str(), "user.punchline.name", name, sizeof name) == 9;
  };
  if (GENERATE(true, false)) {
    auto once = place.setup;
    once.buffer = renamed.buffer;
    CHECK(run_once(once).exit.code == 0);
    CHECK(is_noted());
  } else {
    Agent agent(renamed);
    CHECK(eventually(seconds(20), is_noted));
    CHECK(agent.stop().code == 0);
  }
  CHECK(std::string(name) == "app-2.buf");
}

TEST_CASE("a clone of the buffer for another service is left to that") {
  const Outage place;
  place.append("one\n");
  REQUIRE(place.once().exit.code == 0);
  const auto clone = place.beside("app2.buf");
  REQUIRE(run({.argv = {"cp", "-a", place.buffer, clone}}).exit.code == 0);
  fs::resize_file(clone, 0);
  const int producer = ::open(clone.c_str(), O_WRONLY | O_APPEND | O_CLOEXEC);
  Agent agent(place.setup);
  place.append("two\n");
  CHECK(eventually(seconds(20), [&] { return place.delivered() == "one\ntwo\n"; }));
  REQUIRE(::write(producer, "another's\n", 10) == 10);
  ::close(producer);
  CHECK(agent.stop().code == 0);
  CHECK_THAT(agent.log(), !Contains("was this buffer, and"));
  CHECK(read_file(clone) == "another's\n");
}

TEST_CASE("one that was forwarded by hand, and is not drained, is still known as the buffer's") {
  const Outage place;
  place.append("one\n");
  place.agent_dies();
  place.rename_to("app.buf.1");
  auto lonely = place.setup;
  lonely.buffer = place.beside("app.buf.1");
  lonely.brokers = "127.0.0.1:1";
  CHECK(run_once(lonely, seconds(12)).exit.code == 69);
  CHECK(place.once().exit.code == 0);
  CHECK(place.delivered() == "one\n");
}

// It may be a buffer of its own whose name looks so.
TEST_CASE("one that no agent has ever had, and that was forwarded by hand, is named and not taken",
          "[L9]") {
  const Outage place;
  place.append("one\n");
  REQUIRE(place.once().exit.code == 0);
  REQUIRE(place.broker->create_topic("u", 1).ok());
  auto other = place.setup;
  other.buffer = place.beside("app.buf.1");
  other.topic = "u";
  write_file(other.buffer, "two\n");
  REQUIRE(run_once(other).exit.code == 0);
  std::ofstream(other.buffer, std::ios::app) << "three\n";
  const auto once = place.once();
  INFO(once.err);
  CHECK(once.exit.code == 0);
  CHECK_THAT(once.err, Contains("app.buf.1 was forwarded by hand, and something of it is left"));
  CHECK(place.delivered() == "one\n");
  REQUIRE(run_once(other).exit.code == 0);
  CHECK_THAT(place.once().err, !Contains("app.buf.1"));
  SECTION("rotated itself, it is found by its own agent") {
    std::ofstream(other.buffer, std::ios::app) << "four\n";
    fs::rename(other.buffer, place.beside("whatever"));
    CHECK_THAT(run_once(other).err, Contains("whatever was this buffer, and holds 5 bytes"));
  }
}

TEST_CASE("what is no rotated buffer is left alone", "[L8]") {
  const Outage place;
  write_file(place.beside("app.buf.3"), "of a time before any agent\n");
  fs::create_symlink("nowhere", place.beside("app.buf.5"));
  write_file(place.beside("app.buf.4.gz"), "likewise");
  place.append("one\n");
  place.agent_dies();
  write_file(place.beside("app.conf"), "x\n");
  write_file(place.beside("app-server.buf"), "x\n");
  write_file(place.beside("app.buf.agent.1.gz"), "x\n");
  fs::create_hard_link(place.buffer, place.beside("app.buf.1"));
  const auto once = place.once();
  INFO(once.err);
  CHECK(once.exit.code == 0);
  CHECK_THAT(once.err, !Contains("was this buffer") && !Contains("punchline append"));
  CHECK(place.delivered() == "one\n");
}

TEST_CASE("a copy of what was the buffer is named once, with the command that forwards it",
          "[L5]") {
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
    fs::create_hard_link(place.beside("app.buf.1"), place.beside("app.buf-x" + std::to_string(i)));
  const auto once = place.once();
  INFO(once.err);
  CHECK(once.exit.code == 0);
  CHECK(occurrences(place.delivered(), "one\n") == 1);
}

TEST_CASE("what was compressed is named once, with the command that takes it in", "[L3]") {
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

TEST_CASE("its quarantine that was rotated is named, with what can be done", "[L6]") {
  Outage place;
  place.setup.before = {"env", "PUNCHLINE_RECORD_BYTES_MAX=1000"};
  place.append(std::string(2000, 'x') + "\none\n");
  REQUIRE(place.once().exit.code == 65);
  fs::rename(place.buffer + ".quarantine", place.buffer + ".quarantine.1");
  const auto once = place.once();
  INFO(once.err);
  CHECK_THAT(once.err, Contains("app.buf.quarantine.1 was its quarantine"));
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

TEST_CASE("one that may not be opened is named once, and found again when it may", "[L4]") {
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

TEST_CASE("one that is empty, and that a producer still has open, is read until it is closed") {
  const Outage place;
  place.append("one\n");
  const bool has_state = GENERATE(true, false);
  if (has_state) {
    REQUIRE(place.once().exit.code == 0);
  } else {
    place.agent_dies();
    place.rename_to("app.buf.2");
  }
  constexpr int kAppends = O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC;
  const int producer = ::open(place.buffer.c_str(), kAppends, 0600);
  place.rename_to("app.buf.1");
  Agent agent(place.setup);
  REQUIRE(agent.logs("app.buf.1 was this buffer, and a producer may still have it open"));
  REQUIRE(::write(producer, "late\n", 5) == 5);
  CHECK(eventually(seconds(20), [&] { return occurrences(place.delivered(), "late\n") == 1; }));
  CHECK_THAT(agent.log(), !Contains("app.buf.1 is delivered and quiet"));
  ::close(producer);
  CHECK(agent.logs("app.buf.1 is delivered and quiet: let go"));
  CHECK(agent.stop().code == 0);
  CHECK_THAT(place.once().err, !Contains("was this buffer"));
}

TEST_CASE("a lock file that was made anew says nothing about the last look", "[L7]") {
  const Outage place;
  place.append("one\n");
  place.agent_dies();
  place.rename_to("app.buf.2");
  place.append("two\n");  // into a file that no agent has ever seen
  place.rename_to("app.buf.1");
  fs::remove(place.beside("app.buf.agent"));
  if (GENERATE(true, false)) REQUIRE(place.append_lines("three\n").exit.code == 0);
  const auto once = place.once();
  INFO(once.err);
  CHECK_THAT(once.err, Contains("1 file beside it may have been this buffer") &&
                           Contains("app.buf.1: when an agent has last looked there is not known"));
  CHECK(occurrences(place.delivered(), "one\n") == 1);
  CHECK_THAT(place.once().err, !Contains("app.buf.1"));
}

TEST_CASE("a file whose state was taken away, to have it read anew, is read anew when rotated") {
  const Outage place;
  place.append("one\n");
  REQUIRE(place.once().exit.code == 0);
  REQUIRE(::removexattr(place.buffer.c_str(), "user.punchline") == 0);
  place.append("two\n");
  place.rename_to("app.buf.1");
  CHECK(place.once().exit.code == 0);
  CHECK(occurrences(place.delivered(), "two\n") == 1);
}

TEST_CASE("of numbered buffers each gets its own rotated files") {
  const Outage place;
  const auto first = place.beside("app.1");
  const auto second = place.beside("app.2");
  write_file(first, "");
  write_file(second, "");
  REQUIRE(place.once({"-b", first, "-b", second}).exit.code == 0);
  fs::rename(second, place.beside("app.2.2"));
  write_file(second, "two\n");
  fs::rename(second, place.beside("app.2.1"));
  write_file(second, "");
  const auto once = place.once({"-b", first, "-b", second});
  INFO(once.err);
  CHECK_THAT(once.err, Contains(second + ": " + place.beside("app.2.1") + " was this buffer"));
}

TEST_CASE("a buffer, or a quarantine, whose rotated name ends as a file of ours does is found") {
  Outage place;
  place.buffer = place.setup.buffer = place.beside("user.agent");
  place.append("one\n");
  REQUIRE(place.once().exit.code == 0);
  place.append("two\n");
  place.rename_to("user.1.agent");
  place.append(std::string(2000, 'x') + "\n");
  place.setup.before = {"env", "PUNCHLINE_RECORD_BYTES_MAX=1000"};
  CHECK(place.once().exit.code == 65);
  CHECK(place.delivered() == "one\ntwo\n");
  fs::rename(place.buffer + ".quarantine", place.beside("user.agent-20261130.quarantine"));
  CHECK_THAT(place.once().err, Contains("user.agent-20261130.quarantine was its quarantine"));
}

TEST_CASE("its last line is given the newline that partial_timeout gives it") {
  Outage place;
  place.append("one\n");
  place.agent_dies();
  place.append("unfinished");
  place.rename_to("app.buf.1");
  SECTION("after that time") {
    place.setup.before = {"env", "PUNCHLINE_PARTIAL_TIMEOUT=3s"};
    Agent agent(place.setup);
    CHECK(agent.logs("app.buf.1 is delivered and quiet: let go"));
    CHECK(agent.stop().code == 0);
    CHECK(place.delivered() == "one\nunfinished\n");
  }
  SECTION("never, and that is told") {
    Agent agent(place.setup);
    CHECK(agent.logs("let go; 10 bytes at its end are no whole record, and stay there"));
    CHECK(agent.stop().code == 0);
  }
}

TEST_CASE("it is not let go while what is set aside of it cannot be copied") {
  Outage place;
  place.setup.before = {"env", "PUNCHLINE_RECORD_BYTES_MAX=1000"};
  place.append("one\n");
  place.agent_dies();
  place.append(std::string(2000, 'x') + "\n");
  place.rename_to("app.buf.1");
  fs::create_directory(place.buffer + ".quarantine");
  Agent agent(place.setup);
  REQUIRE(agent.logs("what is set aside stays in the buffer"));
  std::this_thread::sleep_for(seconds(3));  // in which it would be let go
  CHECK_THAT(agent.log(), !Contains("let go"));
  fs::remove(place.buffer + ".quarantine");
  CHECK(agent.logs("app.buf.1 is delivered and quiet: let go"));
  CHECK(agent.metric("punchline_quarantined_records_total") == 1);
  CHECK(agent.stop().code == 0);
}

TEST_CASE("forwarded, and moved out of the folder: a stop says that no start looks there") {
  const Outage place;
  place.append("one\n");
  place.agent_dies();
  place.rename_to("app.buf.1");
  auto lonely = place.setup;
  lonely.brokers = "127.0.0.1:1";
  Agent agent(lonely);
  REQUIRE(agent.logs("app.buf.1 was this buffer"));
  SECTION("elsewhere") {
    fs::create_directory(place.beside("old"));
    fs::rename(place.beside("app.buf.1"), place.beside("old/app.buf.1"));
    CHECK(agent.stop().code == 0);
    CHECK_THAT(agent.log(), Contains("forward " + place.beside("old/app.buf.1") + " too"));
  }
  SECTION("under any name that begins so it is found") {
    fs::rename(place.beside("app.buf.1"), place.beside("app.buf.1.bak"));
    CHECK(agent.stop().code == 0);
    CHECK_THAT(agent.log(), Contains("app.buf.1.bak holds data of it that is not delivered"));
    CHECK(place.once().exit.code == 0);
    CHECK(place.delivered() == "one\n");
  }
  SECTION("deleted") {
    fs::remove(place.beside("app.buf.1"));
    CHECK(agent.logs("app.buf.1 was deleted; what waits in it (4 bytes)"));
    CHECK(agent.stop().code == 0);
    CHECK(orphans_in(place.folder.path()).size() == 1);
  }
}

TEST_CASE("the lock file of one that was forwarded by hand hides none that was born before that",
          "[L3]") {
  const Outage place;
  place.append("one\n");
  place.agent_dies();
  place.rename_to("app.buf.1");
  auto by_hand = place.setup;
  by_hand.buffer = place.beside("app.buf.1");
  REQUIRE(run_once(by_hand).exit.code == 0);
  place.append("two\n");  // into a file that no agent has ever had
  fs::rename(place.beside("app.buf.1"), place.beside("app.buf.2"));
  place.rename_to("app.buf.1");
  const auto once = place.once();
  CHECK(once.exit.code == 0);
  CHECK_THAT(once.err, Contains(place.beside("app.buf.1") + " was made since an agent"));
  CHECK(place.delivered() == "one\n");
}

TEST_CASE("who forwards a file by hand, and cannot, does not take the buffer's name from it",
          "[L1]") {
  const Outage place;
  place.append("one\n");
  place.agent_dies();
  place.rename_to("old-app.buf");
  auto by_hand = place.setup;
  by_hand.buffer = place.beside("old-app.buf");
  by_hand.brokers = "127.0.0.1:1";
  if (GENERATE(true, false)) {
    by_hand.more = {"--once", "--timeout", "1"};
    CHECK(run(run_command(by_hand)).exit.code == 69);
  } else {
    Agent agent(by_hand);
    CHECK(agent.logs("old-app.buf: "));
    CHECK(agent.stop().code == 0);
  }
  CHECK(place.once().exit.code == 0);
  CHECK(place.delivered() == "one\n");
}

TEST_CASE("files that are only kept open hold up neither those that hold something nor --once",
          "[L1]") {
  const Outage place;
  place.append("one\n");
  place.agent_dies();
  std::vector<std::ofstream> producers;  // that never look whether the name still leads to their file
  for (int i = 40; i > 1; --i) {
    auto& file = producers.emplace_back(place.beside("app.buf." + std::to_string(i)), std::ios::app);
    if (i % 2 == 0) file << "of " << i << std::endl;
  }
  write_file(place.beside("app.buf.1"), "two\n");
  const auto once = place.once();
  INFO(once.err);
  CHECK(once.exit.code == 0);
  const auto delivered = place.delivered();
  CHECK(occurrences(delivered, "one\n") == 1);
  CHECK(occurrences(delivered, "two\n") == 1);
  CHECK(occurrences(delivered, "of ") == 20);
}

/// `two` comes into a file that has the name while the agent does not look, and is beside it then.
void rotate_and_undo(const Outage& place, Process& frozen) {
  frozen.signal(SIGSTOP);
  fs::rename(place.buffer, place.beside("away"));
  place.append("two\n");
  fs::rename(place.buffer, place.beside("app.buf.1"));
  fs::rename(place.beside("away"), place.buffer);
  frozen.signal(SIGCONT);
}

// Whether the agent has looked once more before it ends is chance: what it tells must be true.
TEST_CASE("rotated and undone while an agent does not look: its stop looks once more") {
  const Outage place;
  place.append("one\n");
  auto setup = place.setup;
  const bool drains = GENERATE(false, true);
  if (drains) setup.before = {"env", "PUNCHLINE_ON_STOP=drain", "PUNCHLINE_STOP_TIMEOUT=3s"};
  {
    Agent agent(setup);
    REQUIRE(eventually(seconds(20), [&] { return place.delivered() == "one\n"; }));
    REQUIRE(eventually(seconds(20), [&] { return place.is_look_noted(); }));
    place.broker->set_leader("t", 0, -1);
    rotate_and_undo(place, agent.process());
    CHECK(agent.stop().code == (drains ? 75 : 0));
    const auto log = agent.log();
    INFO(log);
    if (log.find(place.beside("app.buf.1") + " was this buffer") == std::string::npos)
      CHECK_THAT(log, Contains("stays in 1 rotated file, " + place.beside("app.buf.1")));
    else
      CHECK_THAT(log, Contains(place.beside("app.buf.1") + " holds data of it"));
  }
  place.broker->set_leader("t", 0, 1);
  CHECK(place.once().exit.code == 0);
  CHECK(place.delivered() == "one\ntwo\n");
}

TEST_CASE("rotated and undone during --once: it does not end as if all were delivered") {
  const Outage place;
  place.append("one\n");
  place.broker->set_leader("t", 0, -1);
  auto setup = place.setup;
  setup.more = {"--once", "--timeout", "60"};
  Process once(run_command(setup));
  REQUIRE(eventually(seconds(20), [&] { return place.is_look_noted(); }));
  rotate_and_undo(place, once);
  place.broker->set_leader("t", 0, 1);
  const auto code = once.finish(seconds(60)).code;
  INFO(once.err());
  CHECK(code == (place.delivered() == "one\ntwo\n" ? 0 : 75));
}

TEST_CASE("those that wait for their turn are found though they get other names meanwhile") {
  const Outage place;
  write_file(place.buffer, "");
  place.agent_dies();
  constexpr int kFiles = 25;
  const auto name = [&](int i) { return place.beside("app.buf." + std::to_string(i)); };
  for (int i = kFiles; i > 0; --i) {
    place.append("of " + std::to_string(i) + "\n");
    place.rename_to("app.buf." + std::to_string(i));
  }
  place.broker->set_leader("t", 0, -1);
  Agent agent(place.setup);
  REQUIRE(eventually(seconds(20),
                     [&] { return occurrences(agent.log(), "was this buffer, and holds") == 16; }));
  for (int i = 1; i <= kFiles; ++i)
    fs::rename(name(i), name(i - 1));
  place.broker->set_leader("t", 0, 1);
  CHECK(eventually(seconds(60), [&] {
    return agent.metric("punchline_records_confirmed_total") == kFiles;
  }));
  CHECK(agent.stop().code == 0);
  CHECK_THAT(agent.log(), !Contains("it is not forwarded"));
  CHECK(occurrences(place.delivered(), "\n") == kFiles);
}

}  // namespace punchline::testing
