#include "sinks/kafka_sink.h"

#include <algorithm>
#include <string>
#include <vector>

#include <poll.h>

#include "tests/support/catch.h"
#include "tests/unit/sinks/kafka_fixture.h"
#include "tests/unit/sinks/mini_forwarder.h"

namespace punchline {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

/// Requests of one record, so that two are on the wire: what shows best who overtakes whom.
const KafkaProperties kSmallRequests = {{"batch.size", "1000"}, {"linger.ms", "0"}};
constexpr std::size_t kSmallRequestPayload = 600;

TEST_CASE("records arrive in order and byte for byte, and their chunks come back") {
  auto broker = start_broker();
  REQUIRE(broker->create_topic("t", 2).ok());
  auto sink = open_sink(settings_for(broker->bootstrap()));
  MiniForwarder forwarder(*sink, "t", 100);
  forwarder.append(5000, 0);
  forwarder.append(5000, 1);
  forwarder.append(5000, 0);
  REQUIRE(forwarder.run_until([&] { return forwarder.all_done(); }));

  CHECK(sink->partition_count(forwarder.route()) == 2);
  CHECK(sink->outstanding() == 0);
  CHECK(sink->losses() == 0);
  CHECK(forwarder.chunks_held_by_sink() == 0);
  CHECK(forwarder.taken() == 15000);
  CHECK(forwarder.notices().empty());
  CHECK(read_back(broker->bootstrap(), "t", 10000, 0) == forwarder.expected(0));
  CHECK(read_back(broker->bootstrap(), "t", 5000, 1) == forwarder.expected(1));
}

TEST_CASE("two topics are two routes, the same name is the same") {
  auto broker = start_broker();
  REQUIRE(broker->create_topic("a", 1).ok());
  REQUIRE(broker->create_topic("b", 3).ok());
  auto sink = open_sink(settings_for(broker->bootstrap()));
  MiniForwarder a(*sink, "a");
  CHECK(sink->open_route("a") == a.route());
  CHECK(sink->open_route("b") != a.route());
  a.append(10);
  REQUIRE(a.run_until(
      [&] { return a.all_done() && sink->partition_count(sink->open_route("b")) == 3; }));
}

TEST_CASE("a lane begins with one record alone") {
  auto broker = start_broker();
  REQUIRE(broker->create_topic("t", 1).ok());
  broker->set_delay(milliseconds(50));
  auto sink = open_sink(settings_for(broker->bootstrap()));
  MiniForwarder forwarder(*sink, "t");
  forwarder.append(100);
  REQUIRE(forwarder.run_until([&] { return forwarder.taken() > 0; }));
  CHECK(forwarder.taken() == 1);
  CHECK(sink->room({forwarder.route(), 0}).records == 0);
  REQUIRE(forwarder.run_until([&] { return forwarder.all_done(); }));
}

TEST_CASE("success without an offset is not believed") {
  auto broker = start_broker();
  REQUIRE(broker->create_topic("t", 1).ok());
  auto sink = open_sink(settings_for(broker->bootstrap(), kSmallRequests));
  MiniForwarder forwarder(*sink, "t", kSmallRequestPayload);
  forwarder.append(30);
  forwarder.offer_below(1);
  REQUIRE(forwarder.run_until([&] { return forwarder.done() == 1; }));
  // The client retries the first by itself, the mock appends the next ones, and the client takes
  // that for a proof of the first.
  broker->set_delay(milliseconds(20));
  broker->fail_produce({19});
  forwarder.offer_below(SIZE_MAX);
  REQUIRE(forwarder.run_until([&] { return forwarder.all_done(); }));

  CHECK(forwarder.reports(Outcome::unknown) > 0);
  CHECK(forwarder.reports(0) > forwarder.done());
  const auto arrived = read_back(broker->bootstrap(), "t", 30);
  for (const std::string& line : forwarder.expected()) {
    INFO(line);
    CHECK(std::find(arrived.begin(), arrived.end(), line) != arrived.end());
  }
}

TEST_CASE("a refusal in mid-stream stops what is behind it", "[order]") {
  const std::int32_t code = GENERATE(10, 87, 2, -1, 89, 29, 31);
  INFO("code " << code);
  auto broker = start_broker();
  REQUIRE(broker->create_topic("t", 1).ok());
  auto sink = open_sink(settings_for(broker->bootstrap(), {{"batch.num.messages", "100"}}));
  MiniForwarder forwarder(*sink, "t");
  forwarder.append(3000);
  forwarder.offer_below(200);
  REQUIRE(forwarder.run_until([&] { return forwarder.done() == 200; }));
  broker->fail_produce({code});
  forwarder.offer_below(SIZE_MAX);
  REQUIRE(forwarder.run_until([&] { return forwarder.all_done(); }));

  CHECK(forwarder.reports(code) > 0);
  CHECK(sink->losses() == 1);
  CHECK(read_back(broker->bootstrap(), "t", 3000) == forwarder.expected());
  CHECK(forwarder.chunks_held_by_sink() == 0);
}

TEST_CASE("a refusal of an instance's first request lets nothing get ahead", "[order]") {
  auto broker = start_broker();
  REQUIRE(broker->create_topic("t", 1).ok());
  broker->fail_produce({10, 10, 10});
  auto sink = open_sink(settings_for(broker->bootstrap(), kSmallRequests));
  MiniForwarder forwarder(*sink, "t", kSmallRequestPayload);
  forwarder.append(50);
  std::size_t refused = 0;
  forwarder.on_delivery([&](const Delivery& d) {
    if (d.outcome != Outcome::refused) return;
    ++refused;
    CHECK(d.records == 1);
    CHECK(d.code == 10);
  });
  REQUIRE(forwarder.run_until([&] { return forwarder.all_done(); }));
  CHECK(refused == 3);
  CHECK(sink->losses() == 3);
  CHECK(forwarder.notices().size() == 1);
  CHECK(read_back(broker->bootstrap(), "t", 50) == forwarder.expected());
}

TEST_CASE("errors the client retries by itself stay invisible") {
  auto broker = start_broker();
  REQUIRE(broker->create_topic("t", 1).ok());
  auto sink = open_sink(settings_for(broker->bootstrap()));
  MiniForwarder forwarder(*sink, "t");
  forwarder.append(2000);
  broker->fail_produce({3, 5, 6, 7, 19, 56});
  REQUIRE(forwarder.run_until([&] { return forwarder.all_done(); }));
  CHECK(sink->losses() == 0);
  CHECK(forwarder.reports(Outcome::persisted) == 2000);
  CHECK(read_back(broker->bootstrap(), "t", 2000) == forwarder.expected());
}

TEST_CASE("a lost client is replaced and its records sent again") {
  auto broker = start_broker();
  REQUIRE(broker->create_topic("t", 1).ok());
  broker->set_delay(milliseconds(5));
  auto sink = open_sink(settings_for(broker->bootstrap(), {{"batch.num.messages", "100"}}));
  MiniForwarder forwarder(*sink, "t");
  forwarder.append(4000);
  for (std::size_t loss = 1; loss <= 3; ++loss) {
    REQUIRE(forwarder.run_until([&] { return forwarder.done() > 1000 * loss; }));
    REQUIRE(sink->outstanding() > 0);
    sink->lose_instance();
    REQUIRE(forwarder.run_until([&] { return sink->losses() == loss; }));
  }
  REQUIRE(forwarder.run_until([&] { return forwarder.all_done(); }));
  CHECK(count_notices(forwarder, "client given up") == 1);
  // What was on the wire reported before the instance was given up: not even a duplicate.
  CHECK(forwarder.reports(Outcome::unknown) == 0);
  CHECK(read_back(broker->bootstrap(), "t", 4000) == forwarder.expected());
  CHECK(forwarder.chunks_held_by_sink() == 0);
}

TEST_CASE("a lost client that cannot settle leaves its records unknown, and its chunks held") {
  auto broker = start_broker();
  REQUIRE(broker->create_topic("t", 1).ok());
  KafkaLimits limits;
  limits.dying_max = milliseconds(50);
  auto sink = open_sink(settings_for(broker->bootstrap()), limits);
  MiniForwarder forwarder(*sink, "t");
  forwarder.append(100);
  forwarder.offer_below(50);
  REQUIRE(forwarder.run_until([&] { return forwarder.done() == 50; }));
  broker->set_delay(milliseconds(700));
  forwarder.offer_below(SIZE_MAX);
  REQUIRE(forwarder.run_until([&] { return sink->outstanding() == 50; }));
  // Only what is on the wire stays without a report, so wait until it is there.
  const auto sent = std::chrono::steady_clock::now() + milliseconds(100);
  CHECK_FALSE(forwarder.run_until(
      [&] { return sink->outstanding() == 0; },
      std::chrono::duration_cast<milliseconds>(sent - std::chrono::steady_clock::now())));
  sink->lose_instance();
  REQUIRE(forwarder.run_until([&] { return sink->losses() == 1; }));
  broker->set_delay(milliseconds(0));
  REQUIRE(forwarder.run_until([&] { return forwarder.all_done(); }));
  CHECK(forwarder.taken() > 100);
  REQUIRE(forwarder.run_until([&] { return forwarder.chunks_held_by_sink() == 0; }));
}

TEST_CASE("a record too large for the client is refused in its place", "[order]") {
  auto broker = start_broker();
  REQUIRE(broker->create_topic("t", 1).ok());
  auto settings = settings_for(broker->bootstrap());
  settings.payload_bytes_max = 1000;
  auto sink = open_sink(settings);
  MiniForwarder forwarder(*sink, "t", 100);
  forwarder.set_aside_refused();
  forwarder.append(300);
  forwarder.append_sized(1001);
  forwarder.append(300);
  forwarder.append_sized(1000);
  REQUIRE(forwarder.run_until([&] { return forwarder.all_done(); }));
  CHECK(forwarder.set_aside() == 1);
  CHECK(forwarder.reports(10) == 1);
  auto expected = forwarder.expected();
  expected.erase(expected.begin() + 300);
  CHECK(read_back(broker->bootstrap(), "t", 601) == expected);
}

CommonHeaders many_headers() {
  CommonHeaders common;
  for (int i = 0; i < 400; ++i)
    common.add("h" + std::to_string(i), "v");
  return common;
}

TEST_CASE("what many headers add is counted as the client counts it", "[order]") {
  auto broker = start_broker();
  REQUIRE(broker->create_topic("t", 1).ok());
  const auto settings = settings_for(broker->bootstrap());
  auto sink = open_sink(settings);
  MiniForwarder forwarder(*sink, "t", 100);
  forwarder.set_aside_refused();
  const auto common = many_headers();
  const std::size_t payload_max = settings.payload_bytes_max - common.bytes;
  forwarder.set_common(&common);
  forwarder.append(10);
  forwarder.append_sized(payload_max);
  forwarder.append_sized(payload_max + 1);
  forwarder.append(10);
  REQUIRE(forwarder.run_until([&] { return forwarder.all_done(); }));
  CHECK(forwarder.set_aside() == 1);
  auto expected = forwarder.expected();
  expected.erase(expected.begin() + 11);
  CHECK(read_back(broker->bootstrap(), "t", 21) == expected);
}

TEST_CASE("a record that only the client finds too large is refused in its place", "[order]") {
  auto broker = start_broker();
  REQUIRE(broker->create_topic("t", 1).ok());
  const auto settings = settings_for(broker->bootstrap());
  auto sink = open_sink(settings);
  MiniForwarder forwarder(*sink, "t", 100);
  forwarder.set_aside_refused();
  auto common = many_headers();
  common.bytes = 0;
  forwarder.set_common(&common);
  forwarder.append(10);
  forwarder.append_sized(settings.payload_bytes_max);
  forwarder.append(10);
  REQUIRE(forwarder.run_until([&] { return forwarder.all_done(); }));
  CHECK(forwarder.set_aside() == 1);
  CHECK(forwarder.reports(10) == 1);
  CHECK(sink->losses() == 0);
  auto expected = forwarder.expected();
  expected.erase(expected.begin() + 10);
  CHECK(read_back(broker->bootstrap(), "t", 20) == expected);
}

TEST_CASE("that the client goes on taking nothing is told") {
  auto broker = start_broker();
  REQUIRE(broker->create_topic("t", 1).ok());
  auto settings = settings_for(broker->bootstrap());
  settings.properties["queue.buffering.max.kbytes"] = "1";
  auto sink = open_sink(settings);
  MiniForwarder forwarder(*sink, "t", 2000);
  forwarder.append(1);
  REQUIRE(forwarder.run_until([&] { return count_notices(forwarder, "_QUEUE_FULL") == 1; }));
  CHECK(forwarder.taken() == 0);
}

TEST_CASE("a missing topic is told once, and once when it is there") {
  auto broker = start_broker();
  broker->set_topic_error("t", 3);
  auto sink = open_sink(settings_for(broker->bootstrap()));
  MiniForwarder forwarder(*sink, "t");
  forwarder.append(100);
  REQUIRE(forwarder.run_until([&] { return !forwarder.notices().empty(); }));
  CHECK(forwarder.notices()[0].text.find("topic 't' does not exist") == 0);
  CHECK(forwarder.notices()[0].severity == Notice::Severity::warning);
  CHECK(sink->partition_count(forwarder.route()) == 0);
  CHECK(sink->room({forwarder.route(), 0}).records == 0);
  broker->set_topic_error("t", 0);
  REQUIRE(forwarder.run_until([&] { return forwarder.all_done(); }));
  CHECK(forwarder.notices().size() == 2);
  CHECK(forwarder.notices()[1].severity == Notice::Severity::info);
}

TEST_CASE("a topic that vanishes for a while keeps its order", "[order]") {
  auto broker = start_broker();
  REQUIRE(broker->create_topic("t", 1).ok());
  broker->set_delay(milliseconds(20));
  auto sink =
      open_sink(settings_for(broker->bootstrap(), {{"batch.num.messages", "50"},
                                                   {"topic.metadata.refresh.interval.ms", "100"}}));
  MiniForwarder forwarder(*sink, "t");
  forwarder.append(3000);
  REQUIRE(forwarder.run_until([&] { return forwarder.done() > 100; }));
  broker->set_topic_error("t", 3);
  REQUIRE(forwarder.run_until([&] { return count_notices(forwarder, "does not exist") == 1; }));
  CHECK(sink->partition_count(forwarder.route()) == 1);
  broker->set_topic_error("t", 0);
  REQUIRE(forwarder.run_until([&] { return forwarder.all_done(); }));
  CHECK(read_back(broker->bootstrap(), "t", 3000) == forwarder.expected());
}

TEST_CASE("nothing is taken while reports wait unseen that may tell of a failure", "[order]") {
  auto broker = start_broker();
  REQUIRE(broker->create_topic("t", 1).ok());
  auto sink = open_sink(settings_for(broker->bootstrap()));
  MiniForwarder forwarder(*sink, "t");
  forwarder.append(20);
  forwarder.offer_below(1);
  REQUIRE(forwarder.run_until([&] { return forwarder.done() == 1; }));
  broker->set_delay(milliseconds(150));
  forwarder.offer_below(10);
  REQUIRE(forwarder.run_until([&] { return sink->outstanding() == 9; }));
  pollfd report{sink->wait_fd(), POLLIN, 0};
  REQUIRE(::poll(&report, 1, 10000) == 1);
  CHECK(sink->room({forwarder.route(), 0}).records > 0);
  CHECK(sink->offer({forwarder.route(), 0}, forwarder.records(10, 20)) == 0);
  REQUIRE(forwarder.run_until([&] { return forwarder.done() == 10; }));
  forwarder.offer_below(SIZE_MAX);
  REQUIRE(forwarder.run_until([&] { return forwarder.all_done(); }));
}

TEST_CASE("a broker that is absent at start is waited for") {
  auto broker = start_broker();
  REQUIRE(broker->create_topic("t", 1).ok());
  broker->broker_down(1);
  auto sink = open_sink(settings_for(broker->bootstrap()));
  MiniForwarder forwarder(*sink, "t");
  forwarder.append(500);
  REQUIRE(forwarder.run_until([&] { return !forwarder.notices().empty(); }));
  CHECK(forwarder.notices()[0].text.find("no Kafka broker answers") == 0);
  CHECK(forwarder.taken() == 0);
  broker->broker_up(1);
  REQUIRE(forwarder.run_until([&] { return forwarder.all_done(); }));
  CHECK(count_notices(forwarder, "no Kafka broker answers") == 1);
  CHECK(count_notices(forwarder, "answers again") == 1);
  CHECK(read_back(broker->bootstrap(), "t", 500) == forwarder.expected());
}

TEST_CASE("an outage in mid-stream is ridden out") {
  auto broker = start_broker();
  REQUIRE(broker->create_topic("t", 1).ok());
  broker->set_delay(milliseconds(5));
  auto sink = open_sink(settings_for(broker->bootstrap(), {{"batch.num.messages", "100"}}));
  MiniForwarder forwarder(*sink, "t");
  forwarder.append(5000);
  REQUIRE(forwarder.run_until([&] { return forwarder.done() > 500; }));
  broker->broker_down(1);
  REQUIRE(forwarder.run_until([&] { return count_notices(forwarder, "no Kafka broker") == 1; }));
  broker->broker_up(1);
  REQUIRE(forwarder.run_until([&] { return forwarder.all_done(); }));
}

TEST_CASE("stop hands back what was not sent and settles within a round trip") {
  auto broker = start_broker();
  REQUIRE(broker->create_topic("t", 1).ok());
  auto sink = open_sink(settings_for(broker->bootstrap(), {{"batch.num.messages", "1000"}}));
  MiniForwarder forwarder(*sink, "t");
  forwarder.append(8000);
  forwarder.offer_below(100);
  REQUIRE(forwarder.run_until([&] { return forwarder.done() == 100; }));
  broker->set_delay(milliseconds(200));
  forwarder.offer_below(SIZE_MAX);
  REQUIRE(forwarder.run_until([&] { return sink->outstanding() > 1000; }));
  const std::size_t taken = sink->outstanding();
  sink->stop();
  const auto begin = std::chrono::steady_clock::now();
  CHECK(sink->room({forwarder.route(), 0}).records == 0);
  REQUIRE(forwarder.run_until([&] { return sink->outstanding() == 0; }));
  CHECK(std::chrono::steady_clock::now() - begin < seconds(1));
  CHECK(forwarder.reports(-152) > 0);
  CHECK(forwarder.reports(Outcome::unknown) == 0);
  CHECK(forwarder.done() - 100 + forwarder.reports(Outcome::not_persisted) == taken);
  const auto destroy = std::chrono::steady_clock::now();
  sink.reset();
  CHECK(std::chrono::steady_clock::now() - destroy < seconds(1));
}

TEST_CASE("a partition that is stuck while others go on gets a new client") {
  auto broker = start_broker();
  REQUIRE(broker->create_topic("t", 2).ok());
  KafkaLimits limits;
  limits.stuck_max = milliseconds(400);
  limits.dying_max = milliseconds(100);
  auto sink = open_sink(settings_for(broker->bootstrap()), limits);
  MiniForwarder forwarder(*sink, "t");
  forwarder.append(1, 0);
  forwarder.append(1, 1);
  REQUIRE(forwarder.run_until([&] { return forwarder.all_done(); }));
  broker->set_leader("t", 1, -1);
  broker->fail_produce({6, 6});  // so that the client asks for leaders
  forwarder.append(10, 1);
  forwarder.append(10, 0);
  REQUIRE(forwarder.run_until([&] {
    if (forwarder.done() >= 12 && sink->losses() == 0) forwarder.append(1, 0);
    return sink->losses() > 0;
  }));
  CHECK(count_notices(forwarder, "no report from partition 1 of topic 't'") == 1);
  broker->set_leader("t", 1, 1);
  REQUIRE(forwarder.run_until([&] { return forwarder.all_done(); }));
}

TEST_CASE("after long without any broker a new client is made") {
  KafkaLimits limits;
  limits.stuck_max = milliseconds(80);
  limits.away_max = milliseconds(200);
  auto sink = open_sink(settings_for("127.0.0.1:1"), limits);
  MiniForwarder forwarder(*sink, "t");
  REQUIRE(forwarder.run_until([&] { return sink->losses() > 0; }));
  CHECK(count_notices(forwarder, "no broker for long") == 1);
  CHECK(count_notices(forwarder, "Connection refused") == 1);
}

TEST_CASE("where brokers deny us, new clients are made with what passwords are by then") {
  auto broker = start_broker();  // knows no passwords
  KafkaLimits limits;
  limits.denied_max = milliseconds(200);
  auto settings = settings_for(broker->bootstrap(), {{"security.protocol", "sasl_plaintext"},
                                                     {"sasl.mechanism", "PLAIN"},
                                                     {"sasl.username", "u"},
                                                     {"sasl.password", "p"}});
  int asked = 0;
  settings.credentials = [&asked] {
    ++asked;
    return KafkaProperties{{"sasl.password", "another"}};
  };
  auto sink = open_sink(settings, limits);
  MiniForwarder forwarder(*sink, "t");
  const auto begin = std::chrono::steady_clock::now();
  REQUIRE(forwarder.run_until([&] { return sink->losses() >= 3; }));
  CHECK(std::chrono::steady_clock::now() - begin > 2 * limits.denied_max);
  CHECK(asked >= 3);
  CHECK(count_notices(forwarder, "certificates or passwords are wrong") == 1);
  CHECK(count_notices(forwarder, "given up") == 0);
}

TEST_CASE("a client that hangs does not hold up the end") {
  KafkaLimits limits;
  limits.destroy_max = milliseconds(0);
  bool held = false;
  // Once in a while a client ends before we look, under sanitizers mostly.
  for (int tries = 0; tries < 10 && !held; ++tries) {
    auto broker = start_broker();
    REQUIRE(broker->create_topic("t", 1).ok());
    auto sink = open_sink(settings_for(broker->bootstrap()), limits);
    auto forwarder = std::make_unique<MiniForwarder>(*sink, "t");
    REQUIRE(forwarder->run_until([&] { return sink->partition_count(0) > 0; }));
    broker->set_delay(std::chrono::seconds(5));  // so the answer cannot be there before the end
    forwarder->append(10);
    REQUIRE(forwarder->run_until([&] { return sink->outstanding() == 1; }));
    sink.reset();  // with something in flight; the leak checker watches what is behind
    held = forwarder->chunks_held_by_sink() == 1;
  }
  CHECK(held);
}

TEST_CASE("settings that only librdkafka can judge are refused at the start") {
  auto settings = settings_for(
      "127.0.0.1:1", {{"ssl.key.location", "/no/such/file"}, {"security.protocol", "ssl"}});
  const auto sink = KafkaSink::open(settings);
  REQUIRE_FALSE(sink.ok());
  CHECK(sink.error().kind() == ErrorKind::refused);
  INFO(sink.error().message());
  CHECK(sink.error().message().find("ssl.key.location") != std::string::npos);
}

}  // namespace
}  // namespace punchline
