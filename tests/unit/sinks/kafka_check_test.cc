#include "sinks/kafka_check.h"

#include <librdkafka/rdkafka.h>

#include "sinks/kafka_addresses.h"
#include "tests/support/catch.h"
#include "tests/unit/sinks/controller_port.h"
#include "tests/unit/sinks/kafka_fixture.h"
#include "tests/unit/sinks/silent_port.h"

namespace punchline {
namespace {

TEST_CASE("servers are taken apart as librdkafka takes them") {
  struct Case {
    std::string server, host, port;
  };
  for (const Case& c : {Case{"k1", "k1", "9092"}, Case{"k1:1234", "k1", "1234"},
                        Case{"SSL://k1:1234", "k1", "1234"}, Case{"[::1]:1234", "::1", "1234"},
                        Case{"::1", "::1", "9092"}, Case{"[::1]", "::1", "9092"}}) {
    INFO(c.server);
    CHECK(parse_server(c.server).host == c.host);
    CHECK(parse_server(c.server).port == c.port);
  }
}

TEST_CASE("a cluster in order gets only yes") {
  auto broker = start_broker(2);
  REQUIRE(broker->create_topic("t", 3).ok());
  const auto check =
      check_kafka({{"bootstrap.servers", broker->bootstrap()}}, {"t"}, std::chrono::seconds(10));
  REQUIRE(check.ok());
  CHECK(check->good());
  REQUIRE(check->names.size() == 2);
  CHECK(check->names[0].resolves.good);
  CHECK(check->names[0].resolves.text == "broker name 127.0.0.1 resolves to 1 address");
  CHECK(check->broker.text == "a broker answers; the cluster has 2 brokers");
  REQUIRE(check->topics.size() == 1);
  REQUIRE(check->addresses);
  CHECK(check->addresses->good);
  CHECK(check->topics[0].partitions == 3);
  CHECK(check->topics[0].usable.text == "topic t has 3 partitions");
  REQUIRE(check->topics[0].settings);
  CHECK_FALSE(check->topics[0].settings->ok());  // the mock cannot say them
}

TEST_CASE("addresses of two clusters are refused, each with its cluster id") {
  auto one = start_broker();
  auto other = start_broker();
  REQUIRE(one->create_topic("t", 1).ok());
  REQUIRE(other->create_topic("t", 1).ok());
  const auto check = check_kafka(
      {{"bootstrap.servers", one->bootstrap() + ", " + other->bootstrap()}}, {"t"},
      std::chrono::seconds(10));
  REQUIRE(check.ok());
  REQUIRE(check->addresses);
  CHECK_FALSE(check->addresses->good);
  CHECK_FALSE(check->good());
  CHECK(check->addresses->text.find("different clusters") != std::string::npos);
  CHECK(check->addresses->text.find(one->bootstrap() + " to mockCluster") != std::string::npos);
  CHECK(check->addresses->text.find(other->bootstrap() + " to mockCluster") != std::string::npos);
}

TEST_CASE("an address where nobody answers leads to no other cluster") {
  CHECK_FALSE(several_clusters({{"a", "X"}, {"b", ""}, {"c", "X"}}));
  CHECK(several_clusters({{"a", "X"}, {"b", ""}, {"c", "Y"}}) == "a to X, c to Y");
}

TEST_CASE("a missing topic and one without leaders are said plainly") {
  auto broker = start_broker();
  REQUIRE(broker->create_topic("headless", 2).ok());
  broker->set_leader("headless", 1, -1);
  broker->set_topic_error("missing", 3);
  const auto check = check_kafka({{"bootstrap.servers", broker->bootstrap()}},
                                 {"missing", "headless"}, std::chrono::seconds(10));
  REQUIRE(check.ok());
  CHECK(check->broker.good);
  CHECK_FALSE(check->good());
  REQUIRE(check->topics.size() == 2);
  CHECK(check->topics[0].code == 3);
  CHECK(check->topics[0].usable.text == "topic missing does not exist in the cluster");
  CHECK(check->topics[1].leaderless == 1);
  CHECK(check->topics[1].usable.text ==
        "topic headless has 2 partitions, 1 of them without a leader");
}

TEST_CASE("without a broker the reason is told, and before all of the time is over") {
  const auto begin = std::chrono::steady_clock::now();
  const auto check = check_kafka({{"bootstrap.servers", "127.0.0.1:1,no-such-host.invalid:9092"}},
                                 {"t"}, std::chrono::seconds(60));
  CHECK(std::chrono::steady_clock::now() - begin < std::chrono::seconds(30));
  REQUIRE(check.ok());
  CHECK_FALSE(check->good());
  CHECK(check->names[0].resolves.good);
  CHECK_FALSE(check->names[1].resolves.good);
  CHECK(check->names[1].resolves.text.find("no-such-host.invalid does not resolve") !=
        std::string::npos);
  CHECK(check->broker.text.find("no broker answers: ") == 0);
  CHECK(check->broker.text.size() > 30);
  CHECK(check->topics.empty());
}

TEST_CASE("a port that takes the connection and says nothing is told from one that is away") {
  const SilentPort port;
  const auto check =
      check_kafka({{"bootstrap.servers", port.server()}}, {"t"}, std::chrono::seconds(2));
  REQUIRE(check.ok());
  CHECK(check->broker.text.find("no broker answers: connected to " + port.server() +
                                ", but nothing comes back that is Kafka's") == 0);
}

TEST_CASE("a controller's port is told as such in time, and asked a few times only") {
  const ControllerPort port;
  const ProcessorTime processors;
  const bool idempotent = GENERATE(true, false);
  const auto begin = std::chrono::steady_clock::now();
  const auto check = check_kafka({{"bootstrap.servers", port.server()},
                                  {"enable.idempotence", idempotent ? "true" : "false"}},
                                 {"t"}, std::chrono::seconds(3));
  CHECK(std::chrono::steady_clock::now() - begin < std::chrono::seconds(10));
  REQUIRE(check.ok());
  INFO(check->broker.text);
  CHECK(check->broker.text.find("no broker answers: what answers at this port is no broker that "
                                "takes records (a controller's port?)") == 0);
  CHECK(processors.passed() < std::chrono::seconds(1));
}

TEST_CASE("what a port answers stands, though the last question had no time for an answer") {
  const std::int32_t unknown = RD_KAFKA_RESP_ERR__UNSUPPORTED_FEATURE;
  const std::int32_t late = RD_KAFKA_RESP_ERR__TIMED_OUT;
  CHECK(more_telling(unknown, late) == unknown);
  CHECK(more_telling(late, unknown) == unknown);
  CHECK(more_telling(late, RD_KAFKA_RESP_ERR__TRANSPORT) == RD_KAFKA_RESP_ERR__TRANSPORT);
}

TEST_CASE("a controller's port among the addresses is asked a few times only") {
  const ControllerPort port;
  const ProcessorTime processors;
  const auto answers = ask_addresses({}, {port.server()}, std::chrono::seconds(3));
  REQUIRE(answers.size() == 1);
  CHECK_FALSE(answers[0].answered);
  CHECK(answers[0].failure.find("a controller's port?") != std::string::npos);
  CHECK(processors.passed() < std::chrono::seconds(1));
}

TEST_CASE("addresses that are away take no time from those that answer") {
  auto broker = start_broker();
  const SilentPort port;
  std::vector<std::string> servers(15, port.server());
  servers.push_back(broker->bootstrap());
  const auto answers = ask_addresses({}, servers, std::chrono::seconds(2));
  REQUIRE(answers.size() == servers.size());
  CHECK(answers.back().answered);
  CHECK(answers.back().failure.empty());
  CHECK_FALSE(answers.front().answered);
  CHECK(answers.front().failure.find("connected to " + port.server()) == 0);
}

TEST_CASE("each address has time of its own, whatever the first answer took") {
  auto broker = start_broker();
  broker->set_delay(std::chrono::milliseconds(600));  // of each answer, the first included
  const auto check = check_kafka({{"bootstrap.servers", broker->bootstrap()}}, {},
                                 std::chrono::milliseconds(2200));
  REQUIRE(check.ok());
  INFO(check->broker.text);
  REQUIRE(check->broker.good);
  REQUIRE(check->brokers.size() == 1);
  INFO(check->brokers[0].text);
  CHECK(check->brokers[0].good);
}

TEST_CASE("properties that a client cannot have are refused") {
  CHECK(check_kafka({{"client.id", "x"}}, {}, std::chrono::seconds(1)).error().kind() ==
        ErrorKind::refused);
  CHECK(check_kafka({{"bootstrap.servers", "k"}, {"security.protocol", "rot13"}}, {},
                    std::chrono::seconds(1))
            .error()
            .kind() == ErrorKind::refused);
}

}  // namespace
}  // namespace punchline
