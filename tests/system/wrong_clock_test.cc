// A machine whose clock says 1970 until NTP sets it.

#include "tests/support/wall_clock.h"
#include "tests/system/place.h"

namespace punchline::testing {
namespace {

using std::chrono::seconds;

constexpr seconds kAtBoot{100};
constexpr auto kLines = "one\ntwo\nthree\n";

struct Board : Place {
  WallClock clock;

  Board() { clock.set_to(kAtBoot); }

  std::vector<std::string> environment(const std::string& policy) const {
    auto all = clock.environment();
    all.push_back("PUNCHLINE_CLOCK=" + policy);
    return all;
  }
  RunSetup setup_with(const std::string& policy) const {
    auto with = setup;
    with.before = environment(policy);
    with.before.insert(with.before.begin(), "env");
    return with;
  }
  /// The times in seconds of all that is in the topic.
  std::vector<std::int64_t> times() const {
    std::vector<std::int64_t> all;
    std::ifstream in(read_topic_whole(broker->bootstrap(), "t", 1, folder.path())[0]);
    for (std::string line; std::getline(in, line);)
      all.push_back(std::stoll(line) < 0 ? -1 : std::stoll(line) / 1000);
    return all;
  }
};

std::int64_t now_s() {
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  return std::chrono::duration_cast<seconds>(now).count();
}

void check_told(Agent& agent, const std::string& outcome) {
  REQUIRE(agent.logs("warning: the clock says 1970-01-01T00:01:"));
  CHECK(agent.logs("which cannot be: " + outcome));
  CHECK(agent.metric("punchline_clock_plausible") == 0);
  CHECK(agent.page("/status").find("\"clock_trouble\": \"the clock says 1970") !=
        std::string::npos);
  int status = 0;
  CHECK(agent.page("/readyz", &status).starts_with("ok, but the clock says 1970"));
  CHECK(status == 200);
}

void check_set(Agent& agent) {
  REQUIRE(agent.logs("info: the clock has been set, it says 20"));
  CHECK(agent.metric("punchline_clock_plausible") == 1);
  CHECK(agent.page("/status").find("\"clock_trouble\": null") != std::string::npos);
  CHECK(agent.page("/readyz") == "ok\n");
}

TEST_CASE("clock as_is: records go with the time of 1970, and it is said") {
  const Board board;
  board.append(kLines);
  Agent agent(board.setup_with("as_is"));
  check_told(agent, "records are sent with that time");
  REQUIRE(agent.drains());
  for (const auto time : board.times())
    CHECK(time < 1000);
  CHECK(board.times().size() == 3);
}

TEST_CASE("clock wait: nothing goes until the clock is set, also when it is set back") {
  const Board board;
  board.append(kLines);
  Agent agent(board.setup_with("wait"));
  check_told(agent, "nothing is sent");
  CHECK_FALSE(agent.process().wait(seconds(3)));
  CHECK(agent.metric("punchline_waiting_bytes") == 14);
  CHECK(board.times().empty());

  board.clock.set(seconds(0));
  REQUIRE(agent.drains());
  check_set(agent);
  CHECK(board.times().size() == 3);
  for (const auto time : board.times())
    CHECK(time >= now_s() - 60);

  board.clock.set_to(kAtBoot);
  REQUIRE(eventually(seconds(10), [&] { return agent.metric("punchline_clock_plausible") == 0; }));
  board.append("four\n");
  CHECK_FALSE(agent.process().wait(seconds(2)));
  CHECK(board.times().size() == 3);
  board.clock.set(seconds(0));
  REQUIRE(agent.drains());
  CHECK(board.delivered() == std::string(kLines) + "four\n");
}

TEST_CASE("clock wait: a stop ends the waiting, and all stays in the buffer") {
  const Board board;
  board.append(kLines);
  const auto settling = [&] {
    Agent agent(board.setup_with("wait"));
    REQUIRE(agent.logs("nothing is sent"));
    return agent.stop(seconds(3));
  };
  CHECK(settling().code == 0);
  auto setup = board.setup_with("wait");
  setup.before.push_back("PUNCHLINE_ON_STOP=drain");
  setup.before.push_back("PUNCHLINE_STOP_TIMEOUT=1");
  {
    Agent agent(setup);
    REQUIRE(agent.logs("nothing is sent"));
    CHECK(agent.stop(seconds(5)).code == 75);
  }
  CHECK(inspect(board.buffer).waiting_records == 3);
  CHECK(board.times().empty());

  CHECK(run_once(board.setup_with("wait"), seconds(11)).exit.code == 69);
  CHECK(board.once().exit.code == 0);
  CHECK(board.delivered() == kLines);
}

TEST_CASE("clock broker: records without a time of their own go without one until it is set") {
  const Board board;
  board.append(kLines);
  Agent agent(board.setup_with("broker"));
  check_told(agent, "records without a time of their own are sent without one");
  REQUIRE(agent.drains());
  CHECK(board.times() == std::vector<std::int64_t>{-1, -1, -1});
  board.clock.set(seconds(0));
  check_set(agent);
  board.append("four\n");
  REQUIRE(agent.drains());
  const auto times = board.times();
  REQUIRE(times.size() == 4);
  CHECK(times.back() >= now_s() - 60);
  CHECK(board.delivered() == std::string(kLines) + "four\n");
}

TEST_CASE("append gives a frame no time that cannot be, and says so; the agent gives it its own") {
  const Board board;
  write_file(board.folder.file("input"), kLines);
  auto append = punchline({"append", board.buffer, "--format", "frames", "--key", "k"});
  append.stdin_path = board.folder.file("input");
  append.environment = board.clock.environment();
  const auto wrong = run(append);
  CHECK(wrong.exit.code == 0);
  CHECK(wrong.err.find("append: the clock says 1970-01-01T00:01:") == 0);
  CHECK(wrong.err.find("appended without a time") != std::string::npos);
  board.clock.set(seconds(0));
  CHECK(run(append).err.empty());

  auto setup = board.setup_with("broker");
  board.clock.set_to(kAtBoot);
  CHECK(run_once(setup).exit.code == 0);
  const auto times = board.times();
  REQUIRE(times.size() == 6);
  for (std::size_t i = 0; i < 6; ++i)
    CHECK((i < 3 ? times[i] == -1 : times[i] >= now_s() - 60));
}

TEST_CASE("check says of a clock that it cannot be right") {
  const Board board;
  auto check = punchline({"check", "-b", board.buffer, "--topic", "t", "--brokers",
                          board.broker->bootstrap()});
  check.environment = board.environment("wait");
  CHECK(run(check).out.find("the clock says 1970-01-01T00:01:") != std::string::npos);
  board.clock.set(seconds(0));
  CHECK(run(check).out.find("the clock says") == std::string::npos);
}

}  // namespace
}  // namespace punchline::testing
