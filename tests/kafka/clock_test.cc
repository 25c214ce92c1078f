// The wall clock is set while the agent runs: nothing waits for it. It is wrong: what Kafka deletes
// or refuses for that.
#include <algorithm>
#include <fstream>
#include <iterator>

#include "tests/support/catch.h"
#include "tests/support/kafka_cluster.h"
#include "tests/support/kcat.h"
#include "tests/support/program.h"
#include "tests/support/temp_dir.h"
#include "tests/support/wall_clock.h"

namespace punchline::testing {
namespace {

using std::chrono::hours;
using std::chrono::seconds;

constexpr auto kWaiting = seconds(3);   // by then each of its threads waits
constexpr auto kSoon = seconds(10);     // once nothing else is in the way
constexpr auto kStop = seconds(5 + 2);  // stop_timeout's default, and what a busy machine may add

// librdkafka's threads wait by a clock of `before` when it is set to `after`.
struct Step {
  seconds before;
  seconds after;
};
constexpr Step kBack{hours(1), hours(0)};
constexpr Step kForward{hours(0), hours(1)};
constexpr Step kDayBack{hours(24), hours(0)};
constexpr Step kMonthForward{hours(0), hours(30 * 24)};

std::string text(const Step& step) {
  return "from " + std::to_string(step.before.count()) + " s to " +
         std::to_string(step.after.count()) + " s";
}

class Clocked {
 public:
  explicit Clocked(KafkaCluster& kafka, seconds offset = {})
      : kafka_(kafka), folder_("clock-set"), clock_(offset), agent_(buffer(), command("run")) {}

  Agent& agent() { return agent_; }
  std::string buffer() const { return folder_.file("buffer"); }

  Command command(const std::string& name) const { return command(name, buffer()); }
  /// A buffer that no agent holds, so that Kafka alone is what is wrong.
  Command check() const { return command("check", folder_.file("other")); }
  Command command(const std::string& name, const std::string& path) const {
    auto command = punchline({name, "-b", path, "--topic", "t", "--brokers",
                              kafka_.bootstrap(), "--listen", "127.0.0.1:0"});
    command.environment = clock_.environment();
    return command;
  }

  void append(int lines = 100) {
    std::ofstream file(buffer(), std::ios::app);
    std::ofstream copy(this->copy(), std::ios::app);
    for (int i = 0; i < lines; ++i) {
      const auto line = "line " + std::to_string(++appended_) + '\n';
      file << line;
      copy << line;
    }
  }
  /// Of all that was appended.
  std::string copy() const { return folder_.file("copy"); }
  /// What is in a topic of one partition.
  std::string topic() const {
    return read_file(read_topic(kafka_.bootstrap(), "t", 1, folder_.path())[0]);
  }
  void set(seconds offset) const { clock_.set(offset); }
  void set(const Step& step) {
    clock_.set(step.before);
    REQUIRE(!agent_.process().wait(kWaiting));
    clock_.set(step.after);
  }
  bool delivered() {
    return eventually(kSoon, [&] {
      int status = 0;
      agent_.page("/healthz", &status);
      CHECK(status == 200);
      return agent_.metric("punchline_records_confirmed_total") == appended_;
    });
  }

 private:
  KafkaCluster& kafka_;
  const TempDir folder_;
  const WallClock clock_;
  Agent agent_;
  int appended_ = 0;
};

TEST_CASE("the clock is set in normal flow, while the broker is away, before a stop, in a check") {
  KafkaCluster kafka;
  kafka.create_topic("t", 2);
  Clocked at(kafka);
  at.append();
  REQUIRE(at.delivered());
  for (const auto& step : {kBack, kForward, kDayBack, kMonthForward}) {
    INFO(text(step));
    at.append();
    at.set(step);
    at.append();
    REQUIRE(at.delivered());

    kafka.kill9(0);
    at.append();
    at.set(step);
    kafka.restart(0);
    REQUIRE(at.delivered());
  }

  kafka.freeze(0);
  for (const auto& step : {kBack, kForward}) {
    INFO(text(step));
    Clocked stopping(kafka);
    stopping.append();
    Process check(stopping.check());
    stopping.set(step);
    CHECK(stopping.agent().stop(kStop).code == 0);
    CHECK(check.finish(seconds(30)).code == 69);
  }
}

TEST_CASE("lines that are refused for a clock that is ahead wait until it is set, in order") {
  KafkaCluster kafka;
  kafka.create_topic("t", 1, {{"message.timestamp.after.max.ms", "3600000"}});
  Clocked at(kafka, hours(2));
  const auto several = [&] { return at.agent().metric("punchline_kafka_errors_total") >= 5; };
  at.append(5);
  REQUIRE(at.agent().logs("refuses the time of now, which lines are sent with"));
  REQUIRE(eventually(kSoon, several));
  at.append();
  at.set(seconds(0));
  at.append();
  REQUIRE(at.delivered());
  CHECK(at.agent().metric("punchline_set_aside_records") == 0);
  CHECK(at.topic() == read_file(at.copy()));
}

// A machine whose clock says 1970, with one buffer for each way to go on.
class Board {
 public:
  explicit Board(KafkaCluster& kafka) : kafka_(kafka) { clock_.set_to(seconds(100)); }

  void send(const std::string& policy) {
    kafka_.create_topic(policy, 1, {{"retention.ms", "60000"}});
    const auto buffer = folder_.file(policy);
    std::ofstream file(buffer);
    for (int i = 0; i < 100; ++i) file << "line " << i << '\n';
    file.close();
    auto before = clock_.environment();
    before.insert(before.begin(), {"env", "PUNCHLINE_CLOCK=" + policy});
    const auto once = run_once({.buffer = buffer,
                                .brokers = kafka_.bootstrap(),
                                .topic = policy,
                                .before = before});
    INFO(once.err);
    REQUIRE(once.exit.code == 0);
  }
  std::ptrdiff_t kept(const std::string& policy) const {
    std::ifstream in(read_topic(kafka_.bootstrap(), policy, 1, folder_.path())[0]);
    return std::count(std::istreambuf_iterator<char>(in), {}, '\n');
  }

 private:
  KafkaCluster& kafka_;
  const TempDir folder_{"board"};
  const WallClock clock_;
};

TEST_CASE("Kafka deletes records with the time of 1970, but not those that come without a time") {
  KafkaCluster kafka(
      {.properties = {{"log.retention.check.interval.ms", "1000"},
                      {"log.initial.task.delay.ms", "1000"}}});
  Board board(kafka);
  board.send("broker");
  board.send("as_is");
  REQUIRE(eventually(seconds(30), [&] { return board.kept("as_is") == 0; }));
  CHECK(board.kept("broker") == 100);
}

}  // namespace
}  // namespace punchline::testing
