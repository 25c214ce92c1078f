// The wall clock is set while the agent runs: nothing waits for it.
#include <fstream>

#include "tests/support/catch.h"
#include "tests/support/kafka_cluster.h"
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
  explicit Clocked(KafkaCluster& kafka)
      : kafka_(kafka), folder_("clock-set"), agent_(buffer(), command("run")) {}

  Agent& agent() { return agent_; }
  std::string buffer() const { return folder_.file("buffer"); }

  Command command(const std::string& name) const {
    auto command = punchline({name, "-b", buffer(), "--topic", "t", "--brokers",
                              kafka_.bootstrap(), "--listen", "127.0.0.1:0"});
    command.environment = clock_.environment();
    return command;
  }

  void append() {
    std::ofstream file(buffer(), std::ios::app);
    for (int i = 0; i < 100; ++i) file << "line " << ++appended_ << '\n';
  }
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
    Process check(stopping.command("check"));
    stopping.set(step);
    CHECK(stopping.agent().stop(kStop).code == 0);
    CHECK(check.finish(seconds(30)).code == 69);
  }
}

}  // namespace
}  // namespace punchline::testing
