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
    waiting.push_back({{0, partition}, "t", {partition + 1, 3, 3}, now});
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
