// What others do to a buffer, its name, its attributes and the machine's limits while the agent
// runs. The outcomes are those of buffer/FORMAT.md; replaced_test.cc has the simpler ones.

#include <cstdio>
#include <filesystem>
#include <set>
#include <sstream>

#include <fcntl.h>
#include <signal.h>
#include <sys/mount.h>
#include <unistd.h>

#include "tests/support/eventually.h"
#include "tests/system/place.h"

namespace punchline::testing {
namespace {

namespace fs = std::filesystem;
using Catch::Matchers::Contains;
using std::chrono::seconds;

std::string lines(const std::string& word, int count) {
  std::string text;
  for (int i = 0; i < count; ++i)
    text += word + " " + std::to_string(100'000 + i) + "\n";
  return text;
}

std::set<std::string> set_of(const std::string& text) {
  std::istringstream in(text);
  std::set<std::string> found;
  for (std::string line; std::getline(in, line);)
    found.insert(line);
  return found;
}

/// A place with an agent in it, and the ways in which somebody comes between.
struct Disturbed : Place {
  // Its records stay in the buffer.
  void kafka_goes() const { broker->set_leader("t", 0, -1); }
  void kafka_is_back() const { broker->set_leader("t", 0, 1); }

  static bool confirms(Agent& agent, double records) {
    return eventually(seconds(60),
                      [&] { return agent.metric("punchline_records_confirmed_total") >= records; });
  }
  static bool reads(Agent& agent, double records) {
    return eventually(seconds(20),
                      [&] { return agent.metric("punchline_records_read_total") >= records; });
  }
  static void copy(const std::vector<std::string>& how, const std::string& from,
                   const std::string& to) {
    std::vector<std::string> argv = {"cp"};
    argv.insert(argv.end(), how.begin(), how.end());
    argv.insert(argv.end(), {from, to});
    const auto copied = run({.argv = argv});
    INFO(copied.err);
    REQUIRE(copied.exit.code == 0);
  }
  // Duplicates may be there, pieces of records not.
  void check_delivered(const std::string& wanted, const std::string& allowed = {}) const {
    const auto arrived = set_of(delivered());
    const auto must = set_of(wanted);
    const auto may = set_of(wanted + allowed);
    CHECK(std::includes(arrived.begin(), arrived.end(), must.begin(), must.end()));
    CHECK(std::includes(may.begin(), may.end(), arrived.begin(), arrived.end()));
  }
};

}  // namespace

TEST_CASE("deleted with a backlog, made anew by a producer: both arrive, nothing is left over") {
  Disturbed place;
  place.append(lines("first", 100));
  Agent agent(place.setup);
  REQUIRE(agent.drains());
  place.kafka_goes();
  place.append(lines("deleted", 1'000));
  REQUIRE(place.reads(agent, 1'100));
  fs::remove(place.buffer);
  place.append(lines("anew", 1'000));
  REQUIRE(agent.logs("deleted; what waits in it"));
  const auto waiting = lines("deleted", 1'000) + lines("anew", 1'000);
  REQUIRE(eventually(seconds(20), [&] {
    return agent.metric("punchline_waiting_bytes") == static_cast<double>(waiting.size());
  }));
  place.kafka_is_back();
  REQUIRE(place.confirms(agent, 2'100));
  CHECK(eventually(seconds(20), [&] { return agent.metric("punchline_waiting_bytes") == 0; }));
  CHECK(agent.stop().code == 0);
  place.check_delivered(lines("first", 100) + waiting);
  for (const auto& entry : fs::directory_iterator(place.folder.path()))
    CHECK_THAT(entry.path().filename().string(), !Contains("orphan"));
}

TEST_CASE("another file is moved over it: what both hold arrives") {
  Disturbed place;
  place.append(lines("first", 100));
  Agent agent(place.setup);
  REQUIRE(agent.drains());
  place.kafka_goes();
  place.append(lines("under", 1'000));
  REQUIRE(place.reads(agent, 1'100));
  const auto other = place.folder.file("other");
  write_file(other, lines("over", 1'000));
  fs::rename(other, place.buffer);
  REQUIRE(agent.logs("deleted; what waits in it"));
  const auto waiting = lines("under", 1'000) + lines("over", 1'000);
  REQUIRE(eventually(seconds(20), [&] {
    return agent.metric("punchline_waiting_bytes") == static_cast<double>(waiting.size());
  }));
  place.kafka_is_back();
  REQUIRE(place.confirms(agent, 2'100));
  CHECK(agent.stop().code == 0);
  place.check_delivered(lines("first", 100) + waiting);
}

TEST_CASE("renamed and back again: it is the buffer once more, and nobody's lock is in the way") {
  Disturbed place;
  Agent agent(place.setup);
  place.append(lines("before", 100));
  REQUIRE(agent.drains());
  fs::rename(place.buffer, place.buffer + ".away");
  REQUIRE(agent.logs("deleted or renamed"));
  REQUIRE(eventually(seconds(20), [&] { return fs::exists(place.buffer); }));
  place.append(lines("between", 100));
  REQUIRE(place.confirms(agent, 200));
  fs::rename(place.buffer + ".away", place.buffer);
  REQUIRE(agent.logs("has its name again"));
  place.append(lines("after", 100));
  REQUIRE(place.confirms(agent, 300));
  CHECK(agent.stop().code == 0);
  CHECK_THAT(agent.log(), !Contains("locked"));
  CHECK(place.delivered() == lines("before", 100) + lines("between", 100) + lines("after", 100));
}

TEST_CASE("a folder in its place is said once, and left again when it goes") {
  Disturbed place;
  Agent agent(place.setup);
  place.append(lines("before", 100));
  REQUIRE(agent.drains());
  const auto folder = place.folder.file("folder");
  fs::create_directory(folder);
  // In one step, so that the agent does not make a file of that name in between.
  REQUIRE(::renameat2(AT_FDCWD, folder.c_str(), AT_FDCWD, place.buffer.c_str(), RENAME_EXCHANGE) ==
          0);
  REQUIRE(agent.logs("is a directory"));
  fs::remove(place.buffer);
  place.append(lines("after", 100));
  REQUIRE(place.confirms(agent, 200));
  CHECK(agent.stop().code == 0);
  CHECK(place.delivered() == lines("before", 100) + lines("after", 100));
}

TEST_CASE("copied away and emptied, as log rotation does: it begins anew with what comes then") {
  Disturbed place;
  place.append(lines("before", 20'000));
  Agent agent(place.setup);
  REQUIRE(agent.drains());
  place.copy({}, place.buffer, place.buffer + ".1");
  fs::resize_file(place.buffer, 0);
  place.append(lines("after", 1'000));
  REQUIRE(agent.logs("it was truncated"));
  REQUIRE(agent.drains());
  CHECK(agent.stop().code == 0);
  CHECK(place.delivered() == lines("before", 20'000) + lines("after", 1'000));
}

TEST_CASE("truncated in mid-line: the piece is set aside, the next record is not glued to it") {
  Disturbed place;
  Agent agent(place.setup);
  place.append(lines("before", 1'000));
  REQUIRE(agent.drains());
  fs::resize_file(place.buffer, 1'003);
  REQUIRE(agent.logs("it was truncated"));
  REQUIRE(agent.logs("unfinished last line closed"));
  place.append("after\n");
  REQUIRE(agent.drains());
  CHECK(agent.stop().code == 0);
  place.check_delivered(lines("before", 1'000) + "after\n");
  CHECK(place.delivered().ends_with("after\n"));
  CHECK(inspect(place.quarantine).waiting_records == 1);
}

// The backup is of a moment when much was freed and some not yet delivered; what was appended
// since is overwritten by whoever copies.
TEST_CASE("a backup is copied over it: all that it holds arrives, no piece of a freed record") {
  Disturbed place;
  const bool attributes = GENERATE(false, true);
  CAPTURE(attributes);
  const std::vector<std::string> how = {"--sparse=always",
                                        attributes ? "--preserve=all" : "--preserve=mode"};
  place.append(lines("done", 20'000));
  Agent agent(place.setup);
  REQUIRE(agent.drains());
  REQUIRE(eventually(seconds(20), [&] { return inspect(place.buffer).data_bytes < 64 * 1024; }));
  place.kafka_goes();
  place.append(lines("waiting", 20'000));
  const auto backup = place.folder.file("backup");
  place.copy(how, place.buffer, backup);
  place.append(lines("overwritten", 2'000));
  REQUIRE(eventually(seconds(20), [&] {
    return agent.metric("punchline_logical_bytes") ==
           static_cast<double>(fs::file_size(place.buffer));
  }));
  place.copy(how, backup, place.buffer);
  REQUIRE(agent.logs("it was truncated"));
  place.append(lines("after", 1'000));
  place.kafka_is_back();
  REQUIRE(agent.drains());
  agent.kill9();
  CHECK(place.once().exit.code == 0);
  place.check_delivered(lines("waiting", 20'000) + lines("after", 1'000),
                        lines("done", 20'000) + lines("overwritten", 2'000));
}

TEST_CASE("the attributes are removed: the agent goes on, and a restart loses nothing") {
  Disturbed place;
  place.append(lines("before", 20'000));
  Agent agent(place.setup);
  REQUIRE(agent.drains());
  const auto removed = run({.argv = {"setfattr", "-x", "user.punchline", place.buffer}});
  REQUIRE(removed.exit.code == 0);
  place.append(lines("between", 1'000));
  REQUIRE(agent.drains());
  agent.kill9();
  place.append(lines("after", 1'000));
  CHECK(place.once().exit.code == 0);
  CHECK(place.delivered() ==
        lines("before", 20'000) + lines("between", 1'000) + lines("after", 1'000));
}

// As a container has it (docker -v FILE, subPath).
TEST_CASE(
    "mounted alone, deleted where it comes from: it goes on, and each stop saves what is left") {
  if (::geteuid() != 0) {
    std::puts("mounts nothing: not root");
    return;
  }
  Disturbed place;
  const auto host = place.folder.file("host");
  write_file(host, "");
  write_file(place.buffer, "");
  REQUIRE(::mount(host.c_str(), place.buffer.c_str(), nullptr, MS_BIND, nullptr) == 0);
  place.kafka_goes();
  const auto stop_after = [&](const std::string& text) {
    place.append(text);
    Agent agent(place.setup);
    CHECK(agent.logs("front 0"));
    if (fs::exists(host)) fs::remove(host);
    CHECK(agent.stop().code == 0);
    CHECK_THAT(agent.log(), Contains("was deleted with data in it"));
  };
  stop_after("one\ntwo\n");
  stop_after("three\n");
  const auto saved = orphans_in(place.folder.path());
  REQUIRE(saved.size() == 2);
  CHECK(read_file(saved[0]).size() + read_file(saved[1]).size() == 22);
  place.kafka_is_back();
  CHECK(place.once().exit.code == 0);
  CHECK(place.delivered() == "one\ntwo\nthree\n");
  CHECK(::umount2(place.buffer.c_str(), MNT_DETACH) == 0);
}

TEST_CASE("a second agent under another name of the same file: 75, and the holder is named") {
  Disturbed place;
  Agent agent(place.setup);
  place.append("one\n");
  REQUIRE(agent.drains());
  auto second = place.setup;
  second.buffer = place.folder.file("link");
  fs::create_hard_link(place.buffer, second.buffer);
  const auto refused = run_once(second);
  INFO(refused.err);
  CHECK(refused.exit.code == 75);
  CHECK_THAT(refused.err, Contains("pid " + std::to_string(agent.process().pid())) ||
                              Contains("pid=" + std::to_string(agent.process().pid())));
  CHECK(agent.stop().code == 0);
}

TEST_CASE("a second agent has the new file: the first says so, and takes it when it is let go") {
  Disturbed place;
  Agent agent(place.setup);
  place.append("one\n");
  REQUIRE(agent.drains());
  auto second = place.setup;
  second.buffer = place.folder.file("new");
  Agent other(second);
  REQUIRE(other.metric("punchline_logical_bytes") == 0);
  fs::rename(second.buffer, place.buffer);
  REQUIRE(agent.logs("locked"));
  CHECK(other.stop().code == 0);
  place.append("two\n");
  REQUIRE(place.confirms(agent, 2));
  CHECK(agent.stop().code == 0);
  CHECK(place.delivered() == "one\ntwo\n");
}

TEST_CASE("no inotify, no more watches: a look each second is enough") {
  Disturbed place;
  const auto* limit = GENERATE("max_inotify_instances", "max_inotify_watches");
  CAPTURE(limit);
  // In a user namespace of its own, which has limits of its own.
  place.setup.before = {
      "unshare", "--user", "--map-root-user",
      "sh",      "-c",     std::string("echo 0 > /proc/sys/user/") + limit + " && exec \"$@\"",
      "sh"};
  Agent agent(place.setup);
  REQUIRE(agent.logs("looking each second instead"));
  for (int round = 0; round < 3; ++round) {
    place.append(lines("round " + std::to_string(round), 100));
    REQUIRE(place.confirms(agent, 100 * (round + 1)));
  }
  fs::remove(place.buffer);
  place.append("anew\n");
  REQUIRE(place.confirms(agent, 301));
  CHECK(agent.stop().code == 0);
}

TEST_CASE("more events than the kernel keeps: what was appended and replaced meanwhile is seen") {
  Disturbed place;
  Agent agent(place.setup);
  place.append("one\n");
  REQUIRE(agent.drains());
  int events_max = 0;
  std::istringstream(read_file("/proc/sys/fs/inotify/max_queued_events")) >> events_max;
  agent.process().signal(SIGSTOP);
  const auto other = place.folder.file("other");
  for (int made = 0; made <= events_max / 2; ++made) {  // two events each
    write_file(other, "");
    fs::remove(other);
  }
  place.append("two\n");
  fs::rename(place.buffer, place.buffer + ".1");
  place.append("three\n");
  agent.process().signal(SIGCONT);
  REQUIRE(place.confirms(agent, 3));
  CHECK(agent.stop().code == 0);
  CHECK(set_of(place.delivered()) == set_of("one\ntwo\nthree\n"));
}

// The steady clock is the only one that delays go by, and it means nothing to the next run.
TEST_CASE("another machine's uptime, forth and back: it goes on where it was") {
  Disturbed place;
  const auto far = std::to_string(10LL * 365 * 86'400);
  const auto uptime = read_file("/proc/uptime");
  const auto young = "-" + uptime.substr(0, uptime.find('.') - 1) + "0";  // a few seconds
  double confirmed = 0;
  for (const auto& shift : {far, young, std::string("0")}) {
    CAPTURE(shift);
    place.setup.before = {"unshare", "--time", "--monotonic", shift, "--boottime", shift};
    Agent agent(place.setup);
    place.append(lines("uptime " + shift, 100));
    REQUIRE(agent.drains());
    const auto its = "/proc/" + std::to_string(agent.process().pid()) + "/ns/time";
    CHECK(fs::read_symlink(its) != fs::read_symlink("/proc/self/ns/time"));
    confirmed += agent.metric("punchline_records_confirmed_total");
    CHECK(agent.stop().code == 0);
  }
  CHECK(confirmed == 300);
}

}  // namespace punchline::testing
