#include "sinks/kafka_connections.h"

#include <thread>

#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/support/catch.h"
#include "tests/support/eventually.h"
#include "tests/unit/sinks/kafka_fixture.h"
#include "tests/unit/sinks/mini_forwarder.h"
#include "tests/unit/sinks/silent_port.h"

namespace punchline {
namespace {

using std::chrono::milliseconds;

TEST_CASE("I1: nothing is sent under a client whose connections were all lost") {
  Delivering it;
  it.broker->set_delay(milliseconds(500));
  it.forwarder.append(100);
  REQUIRE(it.forwarder.run_until([&] { return it.forwarder.taken() > 100; }));
  it.broker->broker_down(1);
  it.broker->broker_up(1);
  it.broker->set_delay(milliseconds(0));
  REQUIRE(it.forwarder.run_until([&] { return it.forwarder.all_done(); }));
  CHECK(it.sink->losses() == 1);
  CHECK(count_notices(it.forwarder, "all connections were lost") == 1);
}

TEST_CASE("I1: a client that had nothing under way is made anew in silence") {
  Delivering it;
  it.broker->broker_down(1);
  pollfd woken{it.sink->wait_fd(), POLLIN, 0};
  REQUIRE(::poll(&woken, 1, 10'000) == 1);  // that the last connection has gone
  it.broker->broker_up(1);
  it.forwarder.append(100);
  REQUIRE(it.forwarder.run_until([&] { return it.forwarder.all_done(); }));
  CHECK(it.sink->losses() == 1);
  CHECK(it.forwarder.notices().empty());
  CHECK(it.forwarder.reports(0) == 200);
}

TEST_CASE("I1: while other brokers answer, a client outlives the loss of one") {
  auto broker = start_broker(3);
  REQUIRE(broker->create_topic("t", 3).ok());
  for (int id = 1; id <= 3; ++id)
    broker->set_leader("t", id - 1, id);
  auto sink = open_sink(settings_for(broker->bootstrap()));
  MiniForwarder forwarder(*sink, "t");
  const auto deliver_to_each = [&] {
    for (int partition = 0; partition < 3; ++partition)
      forwarder.append(10, partition);
    return forwarder.run_until([&] { return forwarder.all_done(); });
  };
  REQUIRE(deliver_to_each());
  for (int id = 1; id <= 3; ++id) {
    broker->broker_down(id);
    broker->broker_up(id);
    REQUIRE(deliver_to_each());
  }
  CHECK(sink->losses() == 0);
}

// Of a broker thread each.
struct Broker {
  explicit Broker(KafkaConnections& connections_)
      : connections(connections_), fd(connections.open(AF_INET, SOCK_STREAM, 0)) {
    REQUIRE(fd >= 0);
  }
  void close() const {
    connections.close(fd);
    ::close(fd);
  }
  KafkaConnections& connections;
  const int fd;
};

constexpr std::int16_t kProduce = 0;
constexpr std::int16_t kMetadata = 3;

TEST_CASE("I2: a report counts once the connection that brought it has answered for metadata") {
  const int wake = ::eventfd(0, 0);
  KafkaConnections connections(wake);
  const Broker broker(connections);
  CHECK(connections.vouched());
  connections.answer(kProduce, 7);
  CHECK_FALSE(connections.vouched());
  connections.metadata_seen();  // of another connection
  CHECK_FALSE(connections.vouched());
  connections.answer(kMetadata, 7);
  CHECK_FALSE(connections.vouched());  // its cluster id has not been compared yet
  connections.metadata_seen();
  CHECK(connections.vouched());
  connections.answer(kProduce, 7);
  CHECK(connections.vouched());
  broker.close();
  CHECK_FALSE(connections.beyond_vouching());
  ::close(wake);
}

TEST_CASE("I2: what a connection brought that ends without such an answer never counts") {
  const int wake = ::eventfd(0, 0);
  KafkaConnections connections(wake);
  const Broker broker(connections);
  connections.answer(kProduce, 7);
  connections.answer(kMetadata, 7);
  SECTION("not looked at") { broker.close(); }
  SECTION("of another connection") {
    std::thread([&] {
      const Broker other(connections);
      connections.answer(kProduce, 7);
      connections.metadata_seen();
      CHECK_FALSE(connections.vouched());
      other.close();
    }).join();
    broker.close();
  }
  CHECK(connections.beyond_vouching());
  ::close(wake);
}

TEST_CASE("I2: brokers of two clusters confirm nothing that is in neither") {
  auto one = start_broker();
  auto other = start_broker();
  REQUIRE(one->create_topic("t", 1).ok());
  REQUIRE(other->create_topic("t", 1).ok());
  auto sink = open_sink(settings_for(one->bootstrap() + "," + other->bootstrap()));
  MiniForwarder forwarder(*sink, "t");
  forwarder.append(100);
  REQUIRE(forwarder.run_until([&] { return forwarder.all_done(); }));
  // The one that answers goes away, whichever it is.
  one->broker_down(1);
  forwarder.append(100);
  REQUIRE(forwarder.run_until([&] { return forwarder.all_done(); }));
  one->broker_up(1);
  other->broker_down(1);
  forwarder.append(100);
  REQUIRE(forwarder.run_until([&] { return forwarder.all_done(); }));
  CHECK(sink->losses() >= 1);
  CHECK(count_notices(forwarder, "another cluster answers") >= 1);
}

TEST_CASE("a connection on which nothing comes is seen, by the server's name") {
  const SilentPort port;
  KafkaConnections connections;
  const Broker broker(connections);
  REQUIRE(connections.connect(broker.fd, port.address(), sizeof(sockaddr_in), "k1:80") == 0);
  CHECK(connections.peers() == std::vector{KafkaPeer{"k1:80", KafkaPeer::State::talking}});
  CHECK(testing::eventually(std::chrono::seconds(10), [&] {
    return connections.peers() == std::vector{KafkaPeer{"k1:80", KafkaPeer::State::mute}};
  }));
  broker.close();
  CHECK(connections.peers().empty());
}

TEST_CASE("a port that says nothing is told as such, within seconds") {
  const SilentPort port;
  auto sink = open_sink(settings_for(port.server()));
  MiniForwarder forwarder(*sink, "t");
  REQUIRE(forwarder.run_until([&] { return !sink->trouble().empty(); }, milliseconds(10'000)));
  CHECK(sink->trouble().find("connected to " + port.server() + ", but nothing comes back that is "
                             "Kafka's") == 0);
  CHECK(count_notices(forwarder, "no Kafka broker answers (connected to") == 1);
}

TEST_CASE("a cluster that answers each question late is not told as away") {
  auto broker = start_broker();
  REQUIRE(broker->create_topic("t", 1).ok());
  KafkaLimits asking_often;
  asking_often.metadata_interval = milliseconds(100);
  auto sink = open_sink(settings_for(broker->bootstrap()), asking_often);
  MiniForwarder forwarder(*sink, "t");
  REQUIRE(forwarder.run_until([&] { return forwarder.partitions_known(); }));
  broker->set_delay(milliseconds(1200));  // more than the question waits at first
  for (int i = 0; i < 5; ++i) {
    forwarder.append(100);
    REQUIRE(forwarder.run_until([&] { return forwarder.all_done(); }));
  }
  CHECK(forwarder.notices().empty());
}

}  // namespace
}  // namespace punchline
