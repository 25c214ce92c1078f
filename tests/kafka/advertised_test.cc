// What is told of a broker that cannot be had, while others go on or another address of it answers.

#include <fstream>

#include "tests/support/catch.h"
#include "tests/support/eventually.h"
#include "tests/support/kafka_cluster.h"
#include "tests/support/program.h"
#include "tests/support/temp_dir.h"

namespace punchline::testing {
namespace {

using std::chrono::seconds;

std::string local(std::uint16_t port) {
  return "127.0.0.1:" + std::to_string(port);
}

void append_lines(const std::string& buffer, int lines) {
  std::ofstream file(buffer, std::ios::app);
  for (int i = 0; i < lines; ++i)
    file << "line " << i << "\n";
}

TEST_CASE("a broker that advertises an address where nobody listens is named, by check and by run") {
  KafkaCluster kafka({.doors = true});
  kafka.create_topic("t", 1);
  const auto& door = kafka.doors().front();
  const TempDir folder("advertised");
  const RunSetup setup{folder.path() / "buffer", local(door.inside), "t"};
  const auto checked = run(
      punchline({"check", "-b", setup.buffer, "--topic", "t", "--brokers", setup.brokers}));
  INFO(checked.out << checked.err);
  CHECK(checked.exit.code == 69);
  CHECK((checked.out + checked.err).find("broker 1 does not answer at " + local(door.outside) +
                                         ", which it advertises: Connect to") !=
        std::string::npos);

  Agent agent(setup);
  append_lines(setup.buffer, 100);
  REQUIRE(agent.logs("broker 1 at " + local(door.outside) +
                     ", which leads partition 0 of topic 't', cannot be used: Connect to"));
  CHECK(agent.log().find("is it right from here?") != std::string::npos);
  CHECK(eventually(seconds(10), [&] {
    return agent.metric("punchline_kafka_broker_up") == 0 &&
           agent.page("/status").find("\"state\": \"kafka_away\"") != std::string::npos;
  }));
  CHECK(eventually(seconds(10), [&] {
    return agent.metric("punchline_partitions_without_progress") == 1 &&
           agent.page("/status").find("\"without_progress\": 1") != std::string::npos;
  }));
  const Proxy proxy(kafka.doors());
  CHECK(agent.drains());
  CHECK(agent.logs("broker 1 at " + local(door.outside) + " answers again"));
  CHECK(eventually(seconds(10), [&] { return agent.metric("punchline_kafka_broker_up") == 1; }));
  CHECK(agent.metric("punchline_records_confirmed_total") == 100);
}

// socket.timeout.ms would tell after half a minute.
TEST_CASE("a Kafka that is frozen is told within ten seconds") {
  KafkaCluster kafka;
  kafka.create_topic("t", 1);
  const TempDir folder("frozen");
  const RunSetup setup{folder.path() / "buffer", kafka.bootstrap(), "t"};
  Agent agent(setup);
  append_lines(setup.buffer, 100);
  REQUIRE(agent.drains());
  CHECK(agent.metric("punchline_kafka_up") == 1);
  kafka.freeze(0);
  append_lines(setup.buffer, 100);
  CHECK(agent.logs("no Kafka broker answers", seconds(10)));
  CHECK(agent.metric("punchline_kafka_up") == 0);
  kafka.thaw(0);
  CHECK(agent.drains());
  CHECK(agent.logs("a Kafka broker answers again"));
  CHECK(agent.metric("punchline_kafka_up") == 1);
}

}  // namespace
}  // namespace punchline::testing
