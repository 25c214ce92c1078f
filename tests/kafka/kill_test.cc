#include <cstdlib>

#include <signal.h>

#include "tests/support/account.h"
#include "tests/support/catch.h"
#include "tests/support/kafka_cluster.h"
#include "tests/support/kcat.h"
#include "tests/support/producer.h"
#include "tests/support/program.h"
#include "tests/support/seed.h"

namespace punchline::testing {
namespace {

using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::seconds;

constexpr std::int32_t kPartitions = 4;
constexpr int kStopEvery = 5;
#ifdef __SANITIZE_THREAD__
constexpr double kDuplicateShareMax = 0.03;  // reports take longer, so more is in flight
#else
constexpr double kDuplicateShareMax = 0.003;
#endif
constexpr std::uint64_t kEndless = 100'000'000;  // lines; the test stops the producer

KafkaCluster& shared_cluster() {
  static KafkaCluster cluster;
  return cluster;
}

int kills_wanted() {
  const char* given = std::getenv("PUNCHLINE_KILLS");
  return given != nullptr ? std::atoi(given) : 20;
}

struct Trial {
  std::string topic;
  int kills = 0;
  milliseconds life_min{};  // of an agent, from its start to its kill
  milliseconds life_max{};
  Producer::Load one;
  Producer::Load two;
};

// Two producers append all the time; the agent is killed at random moments and started again; a
// last run drains what is left.
Account suffer(const Trial& trial) {
  auto& kafka = shared_cluster();
  kafka.create_topic(trial.topic, kPartitions);
  const TempDir folder(trial.topic);
  const auto buffer = folder.file("buffer");
  const RunSetup setup{.buffer = buffer, .brokers = kafka.bootstrap(), .topic = trial.topic};
  const auto corpus = LogCorpus::committed();
  auto random = seeded_random();
  const int lives = trial.kills + trial.kills / (kStopEvery - 1);  // one in five is no kill

  Producer one(corpus, 0, buffer, trial.one);
  Producer two(corpus, 1, buffer, trial.two);
  for (int life_number = 0; life_number < lives; ++life_number) {
    const milliseconds life(between(random, static_cast<std::uint64_t>(trial.life_min.count()),
                                    static_cast<std::uint64_t>(trial.life_max.count())));
    Process agent(run_command(setup));
    if (agent.wait(life)) throw std::runtime_error("the agent ended by itself: " + agent.err());
    // Some are asked to stop instead: what is on its way then is taken back or settled.
    if (life_number % kStopEvery == kStopEvery - 1) {
      agent.signal(SIGTERM);
      const auto exit = agent.finish(seconds(30));
      CHECK((exit.code == 0 || exit.signal == SIGTERM));  // the latter if it had hardly begun
    }
    agent.kill9();
  }
  one.stop();
  two.stop();
  const std::vector<std::vector<std::uint64_t>> offsets = {one.join(), two.join()};
  const auto last = run_once(setup, minutes(3));
  INFO(last.err);
  CHECK(last.exit.code == 0);
  CHECK(allocated_bytes(buffer) <= 64 * 1024);
  return settle(corpus, offsets,
                read_topic(kafka.bootstrap(), trial.topic, kPartitions, folder.path()));
}

TEST_CASE("the agent is killed again and again under load", "[kills][K3]") {
  const int kills = kills_wanted();
  const auto account =
      suffer({.topic = "kills",
              .kills = kills,
              .life_min = milliseconds(20),
              .life_max = milliseconds(1200),
              .one = {.lines = kEndless, .lines_per_second = 15'000},
              .two = {.lines = kEndless, .lines_per_second = 15'000, .lines_per_write = 1}});
  WARN(kills << " kills: " << account.text());
  CHECK(account.sound());
  CHECK(account.arrivals > account.appended / 2);
}

TEST_CASE("at 20,000 lines a second ten kills give few duplicates", "[.slow][duplicates]") {
  const auto account = suffer({.topic = "duplicates",
                               .kills = 10,
                               .life_min = milliseconds(1000),
                               .life_max = milliseconds(3000),
                               .one = {.lines = kEndless, .lines_per_second = 10'000},
                               .two = {.lines = kEndless, .lines_per_second = 10'000}});
  WARN("ten kills: " << account.text());
  CHECK(account.sound());
  CHECK(account.duplicate_share() < kDuplicateShareMax);
}

}  // namespace
}  // namespace punchline::testing
