// `on_stop: drain`: told to stop, the agent goes on until nothing complete waits.

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <vector>

#include <signal.h>

#include "tests/support/catch.h"
#include "tests/support/eventually.h"
#include "tests/support/occurrences.h"
#include "tests/system/place.h"

namespace punchline::testing {
namespace {

namespace fs = std::filesystem;
using std::chrono::seconds;

constexpr std::size_t kLines = 20'000;

std::string lines(std::size_t from, std::size_t count) {
  std::string text;
  for (std::size_t i = from; i < from + count; ++i)
    text += "line " + std::to_string(i) + std::string(80, '.') + "\n";
  return text;
}

/// An agent that is slow enough to be met with a backlog.
struct Slow : Place {
  explicit Slow(const std::string& timeout, const std::string& rate = "1MiB") {
    write_file(buffer, lines(0, kLines));
    setup.more = {"--listen", "127.0.0.1:0"};
    command = run_command(setup);
    command.environment = {"PUNCHLINE_ON_STOP=drain", "PUNCHLINE_STOP_TIMEOUT=" + timeout,
                           "PUNCHLINE_DRAIN_RATE=" + rate};
  }
  void stop_in_the_middle(Agent& agent) const {
    REQUIRE(eventually(seconds(20),
                       [&] { return agent.metric("punchline_records_confirmed_total") > 0; }));
    agent.process().signal(SIGTERM);
  }

  Command command;
};

TEST_CASE("drain: all that waits is delivered, and what is appended meanwhile; health says so") {
  const Slow place("60s");
  Agent agent(place.buffer, place.command);
  place.stop_in_the_middle(agent);
  REQUIRE(eventually(seconds(10), [&] { return agent.page("/readyz") == "stopping: draining\n"; }));
  CHECK(agent.page("/status").find("\"draining\": true") != std::string::npos);
  place.append(lines(kLines, 100));
  CHECK(agent.process().finish(seconds(60)).code == 0);
  CHECK(place.delivered() == lines(0, kLines + 100));
  CHECK(agent.log().find("stays in the buffer") == std::string::npos);
}

TEST_CASE("drain: SIGHUP meanwhile takes nothing from it, an unfinished last line stays") {
  const Slow place("60s");
  place.append("no newline");
  Agent agent(place.buffer, place.command);
  place.stop_in_the_middle(agent);
  agent.process().signal(SIGHUP);
  REQUIRE(agent.logs("the connection to Kafka is made anew"));
  CHECK(agent.process().finish(seconds(60)).code == 0);
  const auto delivered = place.delivered();
  CHECK(occurrences(delivered, "line 0.") >= 1);
  CHECK(delivered.ends_with(lines(kLines - 1, 1)));
}

TEST_CASE("drain: what stays when the time is up is told, and the exit code is 75") {
  const Slow place("2s", "64KiB");
  Agent agent(place.buffer, place.command);
  place.stop_in_the_middle(agent);
  const auto begin = Clock::now();
  CHECK(agent.process().finish(seconds(30)).code == 75);
  CHECK(Clock::now() - begin < seconds(4));
  const auto left = inspect(place.buffer);
  CHECK(left.waiting_records > kLines / 2);
  const auto told = place.buffer + ": not delivered, stays in the buffer: " +
                    std::to_string(left.waiting_records) + " records, " +
                    std::to_string(left.waiting_bytes) + " bytes\n";
  CHECK(agent.log().ends_with(told));
}

TEST_CASE("drain: a second signal ends it at once") {
  const Slow place("60s", "64KiB");
  Agent agent(place.buffer, place.command);
  place.stop_in_the_middle(agent);
  REQUIRE(agent.logs("a second signal ends that"));
  agent.process().signal(SIGINT);
  const auto begin = Clock::now();
  CHECK(agent.process().finish(seconds(30)).code == 75);
  CHECK(Clock::now() - begin < seconds(3));
}

TEST_CASE("drain: a topic that does not exist is waited for until the time is up") {
  const Place place;
  const std::string other = place.folder.file("other");
  write_file(place.buffer, lines(0, 100));
  write_file(other, lines(0, 50));
  place.broker->set_topic_error("missing", 3);
  write_file(place.folder.file("config"),
             R"({"on_stop": "drain", "stop_timeout": "3s", "kafka": {"bootstrap.servers": ")" +
                 place.broker->bootstrap() + R"("}, "http": {"listen": "127.0.0.1:0"},
      "buffers": [{"path": ")" +
                 other + R"(", "topic": "missing"}, {"path": ")" + place.buffer +
                 R"(", "topic": "t"}]})");
  Agent agent(place.buffer, punchline({"run", "-c", place.folder.file("config")}));
  REQUIRE(agent.logs("'missing'"));
  CHECK(agent.stop().code == 75);
  CHECK(place.delivered() == lines(0, 100));
  CHECK(agent.log().find(other + ": not delivered, stays in the buffer: 50 records") !=
        std::string::npos);
  CHECK(agent.log().find(place.buffer + ": not delivered") == std::string::npos);
}

TEST_CASE("drain: a partition that does not answer keeps its own records, and no others") {
  const Place place;
  constexpr std::size_t kAll = 2000;
  REQUIRE(place.broker->create_topic("two", 2).ok());
  place.broker->set_leader("two", 1, -1);
  write_file(place.folder.file("config"),
             R"({"on_stop": "drain", "stop_timeout": "6s", "kafka": {"bootstrap.servers": ")" +
                 place.broker->bootstrap() + R"("}, "http": {"listen": "127.0.0.1:0"},
      "buffers": [{"path": ")" +
                 place.buffer + R"(", "topic": "two", "stripe_bytes": "4KiB"}]})");
  Agent agent(place.buffer, punchline({"run", "-c", place.folder.file("config")}));
  REQUIRE(!agent.page("/metrics").empty());
  place.append(lines(0, kAll));
  CHECK(agent.stop().code == 75);
  const auto left = inspect(place.buffer).waiting_records;
  CHECK(agent.log().find("stays in the buffer: " + std::to_string(left) + " records") !=
        std::string::npos);
  place.broker->set_leader("two", 1, 1);
  const auto parts = read_topic(place.broker->bootstrap(), "two", 2, place.folder.path());
  CHECK(occurrences(read_file(parts[0]), "\n") == kAll - left);
  CHECK(left < kAll * 2 / 3);
}

TEST_CASE("drain: dead letters are on their way until they have arrived") {
  const Place place;
  write_file(place.folder.file("config"),
             R"({"on_stop": "drain", "stop_timeout": "20s", "kafka": {"bootstrap.servers": ")" +
                 place.broker->bootstrap() + R"("}, "http": {"listen": "127.0.0.1:0"},
      "buffers": [{"path": ")" +
                 place.buffer + R"(", "topic": "t", "dead_letter_topic": "dead",
                 "record_bytes_max": 1000}]})");
  REQUIRE(place.broker->create_topic("dead", 1).ok());
  Agent agent(place.buffer, punchline({"run", "-c", place.folder.file("config")}));
  REQUIRE(!agent.page("/metrics").empty());
  place.append(lines(0, 10) + std::string(2000, 'x') + "\n");
  CHECK(agent.stop().code == 0);
  CHECK(place.delivered() == lines(0, 10));
  const auto dead = read_topic(place.broker->bootstrap(), "dead", 1, place.folder.path());
  CHECK(read_file(dead[0]) == std::string(2000, 'x') + "\n");
}

TEST_CASE("drain: what was rotated before the start, and not taken yet, goes too") {
  const Place place;
  constexpr std::size_t kFiles = 40;
  auto begin = run_command(place.setup);
  begin.environment = {"PUNCHLINE_ON_STOP=drain", "PUNCHLINE_STOP_TIMEOUT=60s"};
  REQUIRE(place.once().exit.code == 0);
  for (std::size_t i = 0; i < kFiles; ++i) {
    place.append(lines(i, 1));
    fs::rename(place.buffer, place.buffer + "." + std::to_string(kFiles - i));
  }
  Agent agent(place.buffer, begin);
  REQUIRE(agent.logs("was this buffer"));
  CHECK(agent.stop(seconds(70)).code == 0);
  CHECK(occurrences(place.delivered(), "\n") == kFiles);
}

TEST_CASE("drain: the new file of a buffer that has just been renamed or deleted goes too") {
  const Place place;
  const bool is_renamed = GENERATE(true, false);
  auto begin = run_command(place.setup);
  begin.environment = {"PUNCHLINE_ON_STOP=drain", "PUNCHLINE_STOP_TIMEOUT=60s"};
  begin.argv.insert(begin.argv.end(), {"--listen", "127.0.0.1:0"});
  place.append("one\n");
  Agent agent(place.buffer, begin);
  REQUIRE(agent.drains());
  is_renamed ? fs::rename(place.buffer, place.buffer + ".1") : (void)fs::remove(place.buffer);
  place.append("two\n");
  CHECK(agent.stop(seconds(70)).code == 0);
  CHECK(place.delivered() == "one\ntwo\n");
}

TEST_CASE("drain: what waits in a buffer that cannot be opened is told, and the exit code is 75") {
  const Place place;
  const auto other = place.folder.file("other");
  write_file(place.folder.file("elsewhere"), lines(0, 10));
  fs::create_symlink(place.folder.file("elsewhere"), other);
  auto begin = run_command(place.setup);
  begin.environment = {"PUNCHLINE_ON_STOP=drain", "PUNCHLINE_STOP_TIMEOUT=2s"};
  begin.argv.insert(begin.argv.end(), {"-b", other});
  Agent agent(place.buffer, begin);
  REQUIRE(agent.logs("the others go on"));
  CHECK(agent.stop().code == 75);
  CHECK(agent.log().find(other + ": not delivered, stays in the buffer: nobody knows how much") !=
        std::string::npos);
}

// Those that are open hold their places, as long as somebody writes to them.
TEST_CASE("--once, interrupted: 75 where a rotated file waits to be taken") {
  const Place place;
  REQUIRE(place.once().exit.code == 0);
  std::vector<std::ofstream> writers;
  for (int i = 20; i > 0; --i) {
    const auto name = place.buffer + "." + std::to_string(i);
    const bool is_last = i <= 4;  // the oldest are taken first
    writers.emplace_back(name, std::ios::app) << (is_last ? "a record\n" : "no newline")
                                              << std::flush;
    if (is_last) fs::last_write_time(name, fs::last_write_time(name) + std::chrono::hours(1));
  }
  place.append("of the buffer itself\n");
  auto command = run_command(place.setup);
  command.argv.insert(command.argv.end(), {"--once", "--listen", "127.0.0.1:0"});
  Agent agent(place.buffer, command);
  REQUIRE(eventually(seconds(20), [&] {
    return occurrences(agent.log(), "was this buffer") == 16 &&
           agent.metric("punchline_records_confirmed_total") == 1;
  }));
  CHECK(agent.stop().code == 75);
  CHECK(agent.log().find("stays in 4 rotated files") != std::string::npos);
}

}  // namespace
}  // namespace punchline::testing
