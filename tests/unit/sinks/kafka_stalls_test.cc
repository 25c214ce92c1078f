#include "sinks/kafka_stalls.h"

#include <vector>

#include "tests/support/catch.h"

namespace punchline {
namespace {

using std::chrono::seconds;

constexpr const char* kRefused =
    "ssl://k2:9092/2: Connect to ipv4#10.0.0.2:9092 failed: Connection refused (after 0ms in state "
    "CONNECT, 1 identical error(s) suppressed)";

/// Three brokers, and one partition on each; the clock in hand.
class Cluster {
 public:
  Cluster() {
    const std::vector<KafkaBroker> known = {{1, "k1:9092"}, {2, "k2:9092"}, {3, "k3:9092"}};
    stalls.learn(known);
  }
  void wait_for(std::int32_t partition) {
    waiting.push_back({{0, partition}, "t", {partition + 1, 3, 3}, now, -1});
  }
  /// `answering` do so each second.
  void pass(int times, const std::vector<std::int32_t>& answering = {}) {
    for (int i = 0; i < times; ++i) {
      now += seconds(1);
      stalls.heard(answering, now);
      stalls.look(waiting, now, told);
    }
  }

  KafkaStalls stalls;
  std::vector<KafkaStalls::Waiting> waiting;
  std::vector<Notice> told;
  KafkaStalls::Time now = KafkaStalls::Time() + std::chrono::hours(1);
};

TEST_CASE("a broker that cannot be reached is told once, with its address, the reason and the end") {
  Cluster cluster;
  cluster.wait_for(1);
  cluster.stalls.failed(kRefused);
  cluster.pass(1, {1, 3});
  CHECK(cluster.told.empty());
  cluster.pass(20, {1, 3});
  REQUIRE(cluster.told.size() == 1);
  CHECK(cluster.told[0].text ==
        "broker 2 at k2:9092, which leads partition 1 of topic 't', cannot be used: Connect to "
        "ipv4#10.0.0.2:9092 failed: Connection refused; what is for it waits, the rest goes on; the "
        "address comes from its advertised.listeners: is it right from here?");
  CHECK(cluster.stalls.trouble().find("broker 2 at k2:9092") == 0);
  CHECK(cluster.stalls.brokers()[1].trouble == cluster.stalls.trouble());
  CHECK(cluster.stalls.brokers()[0].trouble.empty());
  cluster.pass(1, {2});
  REQUIRE(cluster.told.size() == 2);
  CHECK(cluster.told[1].text == "broker 2 at k2:9092 answers again");
  CHECK(cluster.stalls.trouble().empty());
}

TEST_CASE("the time in which nobody answered counts against no partition") {
  Cluster cluster;
  cluster.wait_for(0);
  cluster.now += seconds(20);
  cluster.stalls.nobody_answers(cluster.now);
  cluster.pass(4, {1});
  CHECK(cluster.told.empty());
  cluster.pass(2, {1});
  REQUIRE(cluster.told.size() == 1);
  CHECK(cluster.told[0].text.find("confirms nothing") != std::string::npos);
}

TEST_CASE("of a broker for which nothing waits nothing is told: brokers close what is idle") {
  Cluster cluster;
  cluster.stalls.failed("k2:9092/2: Disconnected (after 600000ms in state UP)");
  cluster.pass(20);
  cluster.wait_for(0);
  cluster.waiting[0].since = cluster.now;
  cluster.pass(4, {1});
  CHECK(cluster.told.empty());
}

TEST_CASE("a broker that is connected and says nothing is told after five seconds") {
  Cluster cluster;
  cluster.wait_for(2);
  cluster.pass(4, {1, 2});
  CHECK(cluster.told.empty());
  cluster.pass(20, {1, 2});
  REQUIRE(cluster.told.size() == 1);
  CHECK(cluster.told[0].text.find("broker 3 at k3:9092, which leads partition 2 of topic 't', has "
                                  "not answered for 5 s") == 0);
}

TEST_CASE("a partition that confirms nothing although its leader answers is told, with its replicas") {
  Cluster cluster;
  cluster.wait_for(0);
  SECTION("too few are in sync") {
    cluster.waiting[0].place.in_sync = 1;
    cluster.pass(20, {1});
    REQUIRE(cluster.told.size() == 1);
    CHECK(cluster.told[0].text.find("partition 0 of topic 't' confirms nothing although its leader, "
                                    "broker 1 at k1:9092, answers: 1 of its 3 replicas are in sync") ==
          0);
  }
  SECTION("another broker led it when its records were sent") {
    cluster.waiting[0].former = 3;
    cluster.pass(20, {1});
    REQUIRE(cluster.told.size() == 1);
    CHECK(cluster.told[0].text.find("partition 0 of topic 't' has a new leader, broker 1 at "
                                    "k1:9092; what the former one, broker 3 at k3:9092, was sent "
                                    "is not answered yet") == 0);
  }
  SECTION("it has no leader") {
    cluster.waiting[0].place.leader = -1;
    cluster.pass(20, {1});
    REQUIRE(cluster.told.size() == 1);
    CHECK(cluster.told[0].text.find("partition 0 of topic 't' has no leader") == 0);
  }
  cluster.waiting.clear();
  cluster.pass(2);
  CHECK(cluster.told.size() == 1);  // a new client has nothing in flight for a moment
  cluster.stalls.arrived({0, 0});
  cluster.pass(1);
  REQUIRE(cluster.told.size() == 2);
  CHECK(cluster.told[1].text == "partition 0 of topic 't' takes records again");
}

TEST_CASE("of many partitions that wait a few are named, the others counted") {
  Cluster cluster;
  for (std::int32_t partition = 0; partition < 1000; ++partition)
    cluster.waiting.push_back({{0, partition}, "t", {1, 3, 1}, cluster.now, -1});
  cluster.pass(20, {1});
  REQUIRE(cluster.told.size() == KafkaStalls::kToldMax + 1);
  CHECK(cluster.told.back().severity == Notice::Severity::warning);
  CHECK(cluster.told.back().text.find("and 995 more partitions or brokers keep records wait") == 0);
  CHECK(cluster.stalls.trouble().ends_with("; and 995 more"));
  for (const auto& each : cluster.waiting)
    cluster.stalls.arrived(each.lane);
  cluster.waiting.clear();
  cluster.pass(1);
  CHECK(cluster.told.size() == 2 * (KafkaStalls::kToldMax + 1));
  CHECK(cluster.stalls.trouble().empty());
}

TEST_CASE("a quota's delay is told once an episode, with its end, and blames nobody for silence") {
  Cluster cluster;
  cluster.wait_for(1);
  for (int i = 0; i < 3; ++i) {
    cluster.stalls.throttled(2, seconds(8), cluster.now);
    cluster.pass(8, {1, 3});
  }
  REQUIRE(cluster.told.size() == 1);
  CHECK(cluster.told[0].text.find("broker 2 at k2:9092 slows this client down, by up to 8000 ms "
                                  "for an answer: a quota (producer_byte_rate") == 0);
  CHECK(cluster.stalls.trouble().find("broker 2 at k2:9092 slows this client down") == 0);
  CHECK(cluster.stalls.brokers()[1] == BrokerState{2, "k2:9092", "", 8000});
  CHECK(cluster.stalls.due() == cluster.now + KafkaStalls::kThrottleOver);
  cluster.waiting.clear();
  cluster.pass(10);
  REQUIRE(cluster.told.size() == 2);
  CHECK(cluster.told[1].text == "broker 2 at k2:9092 slows this client down no more");
  CHECK(cluster.stalls.trouble().empty());
  CHECK_FALSE(cluster.stalls.due());
}

TEST_CASE("a broker that says nothing after its quota's delay is told all the same") {
  Cluster cluster;
  cluster.wait_for(1);
  cluster.stalls.throttled(2, seconds(8), cluster.now);
  cluster.pass(12, {1, 3});
  CHECK(cluster.told.size() == 1);
  cluster.pass(1, {1, 3});
  REQUIRE(cluster.told.size() == 2);
  CHECK(cluster.told[1].text.find("broker 2 at k2:9092, which leads partition 1 of topic 't', has "
                                  "not answered for 13 s") == 0);
}

TEST_CASE("a broker that answers before its quota's delay is over, or fails, has no delay left") {
  Cluster cluster;
  cluster.wait_for(1);
  cluster.stalls.throttled(2, seconds(490), cluster.now);
  cluster.pass(30, {1, 3});
  REQUIRE(cluster.told.size() == 1);
  SECTION("answers") {
    cluster.waiting.clear();
    cluster.pass(1, {2});
    cluster.pass(9);
    CHECK(cluster.told.size() == 1);
    cluster.pass(1);
    CHECK(cluster.told.back().text == "broker 2 at k2:9092 slows this client down no more");
  }
  SECTION("fails") {
    cluster.stalls.failed(kRefused);
    cluster.pass(1, {1, 3});
    REQUIRE(cluster.told.size() == 2);
    CHECK(cluster.told[1].text.find("cannot be used: Connect to") != std::string::npos);
  }
}

TEST_CASE("a delay that nobody notices is no line") {
  Cluster cluster;
  cluster.stalls.throttled(2, std::chrono::milliseconds(99), cluster.now);
  cluster.stalls.throttled(-1, seconds(8), cluster.now);
  cluster.pass(20);
  CHECK(cluster.told.empty());
}

TEST_CASE("a broker whose packets are dropped is told with what is seen of the connection") {
  Cluster cluster;
  cluster.wait_for(2);
  const std::vector<KafkaPeer> seen = {{"k3:9092", KafkaPeer::State::unreached}};
  cluster.stalls.seen(seen);
  cluster.pass(20, {1, 2});
  REQUIRE(cluster.told.size() == 1);
  CHECK(cluster.told[0].text.find("has not answered for 5 s: k3:9092 does not take the connection: "
                                  "packets are dropped on the way") != std::string::npos);
  CHECK(cluster.told[0].text.find("is it right from here?") != std::string::npos);
}

TEST_CASE("what librdkafka says of no broker, or of one of bootstrap.servers, blames none") {
  Cluster cluster;
  cluster.wait_for(1);
  cluster.stalls.failed("3/3 brokers are down");
  cluster.stalls.failed("k2:9092/bootstrap: Connect to ipv4#10.0.0.2:9092 failed: Connection refused");
  cluster.pass(4, {1, 2, 3});
  CHECK(cluster.told.empty());
  CHECK(reason_in("3/3 brokers are down") == "3/3 brokers are down");
}

}  // namespace
}  // namespace punchline
