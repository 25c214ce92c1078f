#include "sinks/embedded_broker.h"
#include "tests/support/catch.h"
#include "tests/support/producer.h"
#include "tests/support/program.h"
#include "tests/support/temp_dir.h"

namespace punchline::testing {
namespace {

using std::chrono::seconds;

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr double kSanitizerFactor = 3;
#else
constexpr double kSanitizerFactor = 1;
#endif

struct Shares {
  double ours;
  double all;
};

// CPU per time of a process that is left alone for `span`.
Shares shares(Process& process, Clock::duration span) {
  const auto before = thread_times(process.pid());
  const auto begin = Clock::now();
  REQUIRE(!process.wait(span));
  const auto after = thread_times(process.pid());
  const std::chrono::duration<double> took = Clock::now() - begin;
  const auto share = [&](std::chrono::nanoseconds a, std::chrono::nanoseconds b) {
    return std::chrono::duration<double>(b - a) / took;
  };
  return {share(before.ours, after.ours), share(before.all(), after.all())};
}

TEST_CASE("an idle agent costs next to nothing") {
  const TempDir folder("idle");
  auto broker = EmbeddedBroker::start();
  REQUIRE(broker.ok());
  REQUIRE((*broker)->create_topic("t", 4).ok());
  const auto buffer = folder.file("buffer");
  write_lines(LogCorpus::committed(), 0, 1000, buffer);
  Agent agent({.buffer = buffer, .brokers = (*broker)->bootstrap(), .topic = "t"});
  REQUIRE(agent.drains());
  CHECK(!agent.process().wait(seconds(1)));  // the last of the work: freeing, fdatasync
  const auto idle = shares(agent.process(), seconds(10));
  WARN("idle: our threads " << 100 * idle.ours << " %, all " << 100 * idle.all << " %");
  CHECK(idle.ours < 0.002 * kSanitizerFactor);
}

TEST_CASE("with the broker away and records waiting the whole process costs little") {
  const TempDir folder("away");
  const auto buffer = folder.file("buffer");
  write_lines(LogCorpus::committed(), 0, 100'000, buffer);
  Agent agent({.buffer = buffer, .brokers = "127.0.0.1:1", .topic = "t"});
  CHECK(!agent.page("/metrics").empty());
  CHECK(!agent.process().wait(seconds(2)));
  CHECK(agent.page("/status").find("Connection refused") != std::string::npos);
  const auto away = shares(agent.process(), seconds(10));
  WARN("broker away: our threads " << 100 * away.ours << " %, all " << 100 * away.all << " %");
  CHECK(away.all < 0.01 * kSanitizerFactor);
}

}  // namespace
}  // namespace punchline::testing
