// Other settings while the sink is at work: the present client goes on until a new one stands.

#include <filesystem>
#include <string>
#include <vector>

#include "tests/support/catch.h"
#include "tests/support/certificates.h"
#include "tests/support/temp_dir.h"
#include "tests/unit/sinks/controller_port.h"
#include "tests/unit/sinks/kafka_fixture.h"
#include "tests/unit/sinks/mini_forwarder.h"

namespace punchline {
namespace {

using std::chrono::milliseconds;
using Clock = std::chrono::steady_clock;

constexpr const char* kNowhere = "127.0.0.1:1";
constexpr const char* kStands = "the connection to Kafka is made anew";
constexpr const char* kNotYet = "no new connection to Kafka yet: ";

KafkaLimits limits_with(milliseconds pause) {
  KafkaLimits limits;
  limits.trial_pause = pause;
  return limits;
}

/// Two clusters with a topic "t"; a sink at work on the first of them.
struct AtWork {
  explicit AtWork(milliseconds pause = milliseconds(200)) : limits(limits_with(pause)) {
    REQUIRE(delivers(100));
  }

  bool delivers(std::size_t count) {
    forwarder.append(count);
    return forwarder.run_until([this] { return forwarder.all_done(); });
  }
  bool turns_for(milliseconds time) {
    const auto end = Clock::now() + time;
    return forwarder.run_until([&] { return Clock::now() >= end; });
  }
  std::size_t told(const std::string& part) const { return count_notices(forwarder, part); }
  bool hears(const std::string& part) {
    return forwarder.run_until([&] { return told(part) > 0; });
  }

  const KafkaLimits limits;
  std::unique_ptr<testing::FaultyBroker> first = Delivering::broker_with_topic();
  std::unique_ptr<testing::FaultyBroker> second = Delivering::broker_with_topic();
  const KafkaSettings settings =
      settings_for(first->bootstrap(), {{"batch.num.messages", "100"}});
  std::unique_ptr<KafkaSink> sink = open_sink(settings, limits);
  MiniForwarder forwarder{*sink, "t"};
};

TEST_CASE("settings that lead nowhere: the present client goes on, that is told once") {
  AtWork at;
  at.sink->reconnect(settings_for(kNowhere));
  REQUIRE(at.hears(kNotYet));
  CHECK(at.told("Connection refused") == 1);
  CHECK(at.told("; the one before goes on, trying again each few seconds") == 1);
  REQUIRE(at.delivers(100));
  REQUIRE(at.turns_for(milliseconds(1000)));  // some attempts
  CHECK(at.told(kNotYet) == 1);
  CHECK(at.told(kStands) == 0);
  CHECK(at.sink->losses() == 0);
  CHECK(at.sink->trouble().empty());
  CHECK(read_back(at.first->bootstrap(), "t", 200) == at.forwarder.expected());
}

TEST_CASE("settings that lead to a controller's port are told as such") {
  AtWork at(milliseconds(2000));  // it asks some connections before it gives up
  const ControllerPort port;
  at.sink->reconnect(settings_for(port.server()));
  REQUIRE(at.hears(kNotYet));
  CHECK(at.told("(a controller's port?)") == 1);
  REQUIRE(at.delivers(100));
}

TEST_CASE("what is in flight with the present client is reported before the new one takes over",
          "[order]") {
  AtWork at(milliseconds(20'000));
  at.first->set_delay(milliseconds(400));
  at.forwarder.append(10'000);  // more than is taken until then
  at.sink->reconnect(at.settings);
  REQUIRE(at.hears(kStands));
  CHECK(at.sink->outstanding() > 100);
  at.first->set_delay(milliseconds(0));
  REQUIRE(at.forwarder.run_until([&] { return at.forwarder.all_done(); }));
  CHECK(at.sink->losses() == 1);
  CHECK(at.told(kNotYet) == 0);
  CHECK(at.forwarder.reports(Outcome::unknown) == 0);
  CHECK(read_back(at.first->bootstrap(), "t", 10'100) == at.forwarder.expected());
}

TEST_CASE("a certificate without its key: the file is named, and looked at again") {
  AtWork at;
  const testing::TempDir folder("half");
  const testing::Authority authority(folder.path(), "ca");
  const auto old = authority.issue("old");
  const auto wanted = authority.issue("new");
  const auto key = folder.file("live.key");
  std::filesystem::copy_file(old.key, key);
  at.sink->reconnect(settings_for(at.second->bootstrap(),
                                  {{"security.protocol", "ssl"},
                                   {"ssl.ca.location", authority.file()},
                                   {"ssl.certificate.location", wanted.certificate},
                                   {"ssl.key.location", key}}));
  REQUIRE(at.hears("ssl.key.location is " + key));
  REQUIRE(at.turns_for(milliseconds(1000)));
  CHECK(at.told(kNotYet) == 1);
  std::filesystem::rename(wanted.key, key);
  // It goes on to what is wrong next: the broker knows nothing of TLS.
  REQUIRE(at.forwarder.run_until([&] { return at.told(kNotYet) == 2; }));
  std::filesystem::copy_file(old.key, key, std::filesystem::copy_options::overwrite_existing);
  REQUIRE(at.turns_for(milliseconds(1000)));
  CHECK(at.told(kNotYet) == 2);  // each reason once
  REQUIRE(at.delivers(100));
  CHECK(at.sink->losses() == 0);
  CHECK(read_back(at.first->bootstrap(), "t", 200) == at.forwarder.expected());
}

TEST_CASE("a cluster that lacks a topic takes over once it has it") {
  AtWork at;
  at.second->set_topic_error("t", 3);
  at.sink->reconnect(settings_for(at.second->bootstrap()));
  REQUIRE(at.hears(std::string(kNotYet) + "topic 't': UNKNOWN_TOPIC_OR_PART"));
  REQUIRE(at.delivers(100));
  CHECK(at.told("does not exist") == 0);
  at.second->set_topic_error("t", 0);
  REQUIRE(at.hears(kStands));
  REQUIRE(at.delivers(50));
  CHECK(read_back(at.first->bootstrap(), "t", 200).size() == 200);
  const auto all = at.forwarder.expected();
  CHECK(read_back(at.second->bootstrap(), "t", 50) ==
        std::vector<std::string>(all.end() - 50, all.end()));
}

TEST_CASE("a topic that the present client may not use either keeps nobody back") {
  AtWork at;
  at.first->set_topic_error("other", 29);
  at.second->set_topic_error("other", 29);
  at.sink->open_route("other");
  REQUIRE(at.hears("topic 'other': we are not authorized to use it"));
  at.sink->reconnect(settings_for(at.second->bootstrap()));
  CHECK(at.hears(kStands));
}

TEST_CASE("a client that is given no producer id does not take over") {
  AtWork at;
  at.second->fail_producer_id({31, 31});
  at.sink->reconnect(settings_for(at.second->bootstrap()));
  REQUIRE(at.hears(kNotYet));
  CHECK(at.told(kStands) == 0);
  REQUIRE(at.delivers(100));
  CHECK(at.told("client given up") == 0);
  REQUIRE(at.hears(kStands));
}

TEST_CASE("of two calls in turn the second one counts") {
  AtWork at;
  at.sink->reconnect(settings_for(kNowhere));
  REQUIRE(at.turns_for(milliseconds(20)));
  at.sink->reconnect(settings_for(at.second->bootstrap()));
  REQUIRE(at.hears(kStands));
  // Again, while what was before it is still on its way out.
  at.first->set_delay(milliseconds(0));
  at.sink->reconnect(settings_for(at.first->bootstrap()));
  at.sink->reconnect(settings_for(at.second->bootstrap()));
  REQUIRE(at.forwarder.run_until([&] { return at.told(kStands) == 2; }));
  REQUIRE(at.delivers(70));
  CHECK(at.told(kNotYet) == 0);
  CHECK(read_back(at.second->bootstrap(), "t", 70).size() == 70);
}

TEST_CASE("a client that is lost meanwhile is made anew with the settings that stood") {
  AtWork at;
  at.sink->reconnect(settings_for(kNowhere));
  REQUIRE(at.hears(kNotYet));
  at.sink->lose_instance();
  REQUIRE(at.delivers(100));
  CHECK(at.told("client given up") == 1);
  CHECK(at.told(kStands) == 0);
  CHECK(read_back(at.first->bootstrap(), "t", 200) == at.forwarder.expected());
  at.first->broker_down(1);
  REQUIRE(at.hears("no Kafka broker answers"));
  at.sink->reconnect(settings_for("127.0.0.1:2"));
  CHECK(at.hears("; the one before is of no use either"));
}

TEST_CASE("a new client that is lost before the present one has gone is made anew") {
  AtWork at;
  at.first->set_delay(milliseconds(600));
  at.forwarder.append(100);
  REQUIRE(at.forwarder.run_until([&] { return at.sink->outstanding() == 100; }));
  REQUIRE(at.turns_for(milliseconds(50)));
  at.sink->reconnect(settings_for(at.second->bootstrap()));
  REQUIRE(at.hears(kStands));
  at.second->broker_down(1);
  at.second->broker_up(1);
  REQUIRE(at.forwarder.run_until([&] { return at.forwarder.all_done(); }));
  REQUIRE(at.delivers(50));
  CHECK(read_back(at.second->bootstrap(), "t", 50).size() == 50);
}

TEST_CASE("a topic that is named during an attempt is known to whoever takes over") {
  AtWork at(milliseconds(20'000));
  at.second->set_topic_error("t", 3);
  REQUIRE(at.second->create_topic("late", 3).ok());
  REQUIRE(at.first->create_topic("late", 2).ok());
  at.sink->reconnect(settings_for(at.second->bootstrap()));
  REQUIRE(at.turns_for(milliseconds(50)));
  const auto late = at.sink->open_route("late");
  REQUIRE(at.forwarder.run_until([&] { return at.sink->partition_count(late) == 2; }));
  at.second->set_topic_error("t", 0);
  CHECK(at.forwarder.run_until([&] { return at.sink->partition_count(late) == 3; }));
}

TEST_CASE("a lane aside goes on, and goes over with the others", "[order]") {
  AtWork at;
  at.sink->reconnect(settings_for(kNowhere));
  REQUIRE(at.turns_for(milliseconds(50)));
  at.first->fail_produce({10, 10, 10});
  REQUIRE(at.delivers(1));  // by a client at its side, made with what stood
  CHECK(read_back(at.first->bootstrap(), "t", 101) == at.forwarder.expected());
  at.sink->reconnect(settings_for(at.second->bootstrap()));
  REQUIRE(at.hears(kStands));
  at.second->fail_produce({10, 10, 10});
  REQUIRE(at.delivers(40));
  CHECK(read_back(at.second->bootstrap(), "t", 40).size() == 40);
}

TEST_CASE("a stop ends an attempt, and is not held up by it") {
  AtWork at;
  at.sink->reconnect(settings_for(at.second->bootstrap()));
  REQUIRE(at.turns_for(milliseconds(5)));
  at.sink->stop();
  REQUIRE(at.turns_for(milliseconds(500)));
  CHECK(at.told(kStands) == 0);
  CHECK(at.told(kNotYet) == 0);
  CHECK(at.sink->losses() == 0);
  at.sink->reconnect(settings_for(at.second->bootstrap()));
  REQUIRE(at.turns_for(milliseconds(500)));
  CHECK(at.told(kStands) == 0);
}

}  // namespace
}  // namespace punchline
