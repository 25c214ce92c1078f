// Calls that fail: on a deleted buffer, and in the search for rotated ones.

#include <csignal>
#include <filesystem>

#include <sys/xattr.h>

#include "tests/support/eventually.h"
#include "tests/support/occurrences.h"
#include "tests/system/outage.h"

namespace punchline::testing {
namespace {

namespace fs = std::filesystem;
using Catch::Matchers::Contains;
using std::chrono::seconds;

/// An agent that cannot deliver yet what waits in its buffer, which is deleted. Without inotify it
/// looks at names when it looks at holders, each second.
struct Deleted : Place {
  std::unique_ptr<Agent> agent;

  explicit Deleted(const std::string& format = "lines") {
    broker->set_leader("t", 0, -1);
    setup.before = {"env", "LD_PRELOAD=" PUNCHLINE_FAIL_CALLS,
                    "FAIL_CALLS=" + folder.file("fail")};
    (void)fail("inotify");
    REQUIRE(append_lines("one\ntwo\n", {"--format", format}).exit.code == 0);
    agent = std::make_unique<Agent>(setup);
    REQUIRE(agent->logs("fresh"));
    fs::remove(buffer);
    REQUIRE(agent->logs("is still forwarded"));
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

TEST_CASE("a copy of frames whose state cannot be stored has their salt all the same") {
  const Deleted place("frames");
  (void)place.fail("store");
  CHECK(place.agent->stop().code == 74);
  const auto saved = orphans_in(place.folder.path());
  REQUIRE(saved.size() == 1);
  CHECK(::getxattr(saved[0].c_str(), "user.punchline", nullptr, 0) < 0);
  CHECK(::getxattr(saved[0].c_str(), "user.punchline.salts", nullptr, 0) > 0);
}

struct Renamed : Outage {
  Renamed() {
    setup.before = {"env", "LD_PRELOAD=" PUNCHLINE_FAIL_CALLS,
                    "FAIL_CALLS=" + folder.file("fail")};
  }
};

/// A buffer that was rotated while no agent ran, twice, the second time with a file that none has
/// ever seen; and the broker cannot be reached.
struct Rotated : Renamed {
  Rotated() {
    append("one\n");
    const auto first = once();
    INFO(first.err);
    REQUIRE(first.exit.code == 0);
    fs::remove(buffer);
    append("two\n");
    fs::rename(buffer, folder.file("app.buf.1"));
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

TEST_CASE("a file that cannot be asked whether it was the buffer is asked by the next start") {
  const Rotated place;
  write_file(place.folder.file("fail.state"), "");  // ENOMEM
  const auto finished = place.once();
  INFO(finished.err);
  CHECK_THAT(finished.err, Contains("app.buf.1"));
  CHECK(finished.exit.code != 0);
  fs::remove(place.folder.file("fail.state"));
  place.check_delivered();
}

TEST_CASE("a file that cannot be asked for the name of its buffer is asked by the next start") {
  const Rotated place;
  const auto kept = place.folder.file("keep");
  fs::rename(place.folder.file("app.buf.1"), kept);
  REQUIRE(::setxattr(kept.c_str(), "user.punchline.name", "app.buf", 7, 0) == 0);
  write_file(place.folder.file("fail.names"), "");  // ENOMEM
  CHECK(place.once().exit.code == 75);
  fs::remove(place.folder.file("fail.names"));
  place.check_delivered();
}

TEST_CASE("a file whose state cannot be stored yet is found again after a kill -9") {
  const Renamed place;
  place.append("one\n");
  REQUIRE(place.once().exit.code == 0);
  fs::remove(place.buffer);
  place.append("two\n");
  const auto word = place.folder.file("fail.store");  // EDQUOT
  write_file(word, "");
  auto away = place.setup;
  away.brokers = "127.0.0.1:1";
  Agent agent(away);
  REQUIRE(eventually(seconds(20), [&] { return fs::exists(word + ".met"); }));
  REQUIRE(agent.logs("trying again each second"));
  agent.kill9();
  REQUIRE(::removexattr(place.buffer.c_str(), "user.punchline.name") == 0);  // nor could that be
  fs::remove(word);
  place.rename_to("app.buf.1");
  const auto finished = place.once();
  INFO(finished.err);
  CHECK(finished.exit.code == 0);
  CHECK(place.delivered() == "one\ntwo\n");
}

TEST_CASE("without inotify: rotated while the agent opens the new file, and before it looks") {
  const Renamed place;
  write_file(place.folder.file("fail.inotify"), "");
  place.append("one\n");
  Agent agent(place.setup);
  REQUIRE(agent.drains());
  const auto is_being_opened = [&] {
    return ::getxattr(place.buffer.c_str(), "user.punchline.holder", nullptr, 0) > 0;
  };
  const auto before = place.noted_look();
  place.rename_to("app.buf.1");
  const auto limit = Clock::now() + seconds(20);
  while (!is_being_opened() && Clock::now() < limit) {
  }
  agent.process().signal(SIGSTOP);
  place.rename_to("app.buf.2");
  place.append("two\n");  // into a file that is born before the agent has looked
  REQUIRE(eventually(seconds(20), [&] {  // files' times go in ticks
    write_file(place.folder.file("tick"), "");
    return fs::last_write_time(place.folder.file("tick")) > fs::last_write_time(place.buffer);
  }));
  agent.process().signal(SIGCONT);
  REQUIRE(eventually(seconds(20), [&] { return place.noted_look() != before; }));
  place.rename_to("app.buf.3");
  place.append("three\n");
  CHECK(eventually(seconds(20),
                   [&] { return agent.metric("punchline_records_confirmed_total") == 3; }));
  CHECK(agent.stop().code == 0);
  for (const auto* line : {"one\n", "two\n", "three\n"})
    CHECK(occurrences(place.delivered(), line) == 1);
}

}  // namespace punchline::testing
