// A cluster that is restored from a copy, or another one at the same address, while an agent runs.
// Either gives the agent's producer id to somebody else, and takes records of ours that have that
// one's sequence numbers for a repetition: confirmed, and written nowhere.

#include <fstream>
#include <iostream>

#include "tests/kafka/scene.h"
#include "tests/support/catch.h"
#include "tests/support/kcat.h"

namespace punchline::testing {
namespace {

using std::chrono::seconds;

// A cluster, of one broker unless more are asked for, and two agents that append line by line: each
// line is a request, and so a sequence number, of its own.
struct Story {
  explicit Story(std::string name, const TopicConfig& config = {}, int brokers = 1)
      : kafka({.brokers = brokers}), topic(std::move(name)), folder(topic) {
    kafka.create_topic(topic, 1, config);
  }

  RunSetup setup(const std::string& buffer) const {
    return {.buffer = folder.file(buffer), .brokers = kafka.bootstrap(), .topic = topic};
  }
  // `count` lines, each when the one before has been confirmed.
  void append_slowly(Agent& agent, const std::string& buffer, const std::string& text, int count) {
    for (int i = 0; i < count; ++i) {
      const auto before = agent.metric("punchline_records_confirmed_total");
      std::ofstream(folder.file(buffer), std::ios::app) << text << " " << i << "\n";
      INFO(agent.log());
      REQUIRE(eventually(kPatience, [&] {
        return agent.metric("punchline_records_confirmed_total") > before;
      }));
    }
  }
  std::string in_topic() const {
    return read_file(read_topic(kafka.bootstrap(), topic, 1, folder.path()).at(0));
  }

  KafkaCluster kafka;
  std::string topic;
  TempDir folder;
};

std::size_t count_lines(const std::string& text, const std::string& line) {
  std::size_t count = 0;
  for (auto at = text.find(line + "\n"); at != std::string::npos; at = text.find(line + "\n", at + 1))
    ++count;
  return count;
}

// Both agents have the producer id of the first one by now, one of each history.
void await_confirmed_is_there(Story& story, Agent& first) {
  {
    Agent second(story.setup("second"));
    story.append_slowly(second, "second", "second", 8);
    CHECK(second.stop().code == 0);
  }
  story.append_slowly(first, "first", "after", 1);
  const auto text = story.in_topic();
  INFO(text << first.log());
  CHECK(count_lines(text, "after 0") == 1);
  for (int i = 0; i < 8; ++i)
    CHECK(count_lines(text, "second " + std::to_string(i)) == 1);
  CHECK(first.metric("punchline_kafka_instances_renewed_total") >= 1);
}

TEST_CASE("a cluster is restored from a copy: what is confirmed later is there") {
  const bool log_append_time = GENERATE(false, true);
  INFO("log append time: " << log_append_time);
  Story story("restored", {{"message.timestamp.type",
                            log_append_time ? "LogAppendTime" : "CreateTime"}});
  story.kafka.stop(0);
  story.kafka.keep("empty");
  story.kafka.start();
  Agent first(story.setup("first"));
  story.append_slowly(first, "first", "first", 6);
  story.kafka.kill9(0);
  story.kafka.bring_back("empty");
  story.kafka.start();
  REQUIRE(first.logs("its log was set back", kPatience));
  CHECK(first.log().find("offsets 0 to 5") != std::string::npos);
  CHECK(first.metric("punchline_kafka_lost_offsets_total") == 6);
  await_confirmed_is_there(story, first);
}

TEST_CASE("a cluster of three is restored from a copy: what is confirmed later is there") {
  constexpr int kBrokers = 3;
  Story story("three", {}, kBrokers);
  const auto each = [&](auto&& what) {
    for (int i = 0; i < kBrokers; ++i)
      what(i);
  };
  each([&](int i) { story.kafka.kill9(i); });
  story.kafka.keep("empty");
  story.kafka.start();
  Agent first(story.setup("first"));
  story.append_slowly(first, "first", "first", 6);
  each([&](int i) { story.kafka.kill9(i); });
  story.kafka.bring_back("empty");
  story.kafka.start();
  REQUIRE(first.logs("its log was set back", kPatience));
  CHECK(first.metric("punchline_kafka_lost_offsets_total") == 6);
  await_confirmed_is_there(story, first);
}

TEST_CASE("another cluster answers at the same address: what is confirmed later is in it") {
  Story story("another");
  Agent first(story.setup("first"));
  story.append_slowly(first, "first", "first", 6);
  story.kafka.stop(0);
  story.kafka.found_another();
  story.kafka.start();
  story.kafka.create_topic(story.topic, 1);
  await_confirmed_is_there(story, first);
  CHECK(first.log().find("another cluster answers") != std::string::npos);
  CHECK(first.metric("punchline_kafka_cluster_changes_total") == 1);
  CHECK(first.page("/status").find("YW5vdGhlci1jbHVzdGVyIQ") != std::string::npos);
}

TEST_CASE("a topic is made anew: what its log has lost is told, with partition and offsets") {
  Story story("anew");
  Agent agent(story.setup("buffer"));
  story.append_slowly(agent, "buffer", "before", 6);
  story.kafka.delete_topic(story.topic);
  std::ofstream(story.folder.file("buffer"), std::ios::app) << "between\n";
  REQUIRE(agent.logs("does not exist"));
  story.kafka.create_topic(story.topic, 1);
  story.append_slowly(agent, "buffer", "after", 1);
  CHECK(count_lines(story.in_topic(), "between") >= 1);
  CHECK(count_lines(story.in_topic(), "after 0") >= 1);
  INFO(agent.log());
  CHECK(agent.log().find("topic 'anew' partition 0: its log was set back") != std::string::npos);
  CHECK(agent.log().find("offsets 0 to 5") != std::string::npos);
  CHECK(agent.metric("punchline_kafka_lost_offsets_total") == 6);
}

// What an ordinary restart costs: no more than what was in flight comes twice.
TEST_CASE("the only broker is stopped or killed, and back: all is there, in order") {
  KafkaCluster kafka;
  Scene scene(kafka, {.topic = "alone"});
  scene.during("SIGTERM of the only broker", lane_records_max(1), [&](Scene& it) {
    kafka.stop(0);
    kafka.restart(0);
    it.goes_on();
  });
  scene.during("kill -9 of the only broker", lane_records_max(1), [&](Scene& it) {
    kafka.kill9(0);
    kafka.restart(0);
    it.goes_on();
  });
  scene.close();
}

TEST_CASE("connections that a broker closes since they are idle cost nothing and are no news") {
  KafkaCluster kafka({.properties = {{"connections.max.idle.ms", "1000"}}});
  kafka.create_topic("idle", 1);
  const TempDir folder("idle");
  const RunSetup setup{
      .buffer = folder.file("buffer"), .brokers = kafka.bootstrap(), .topic = "idle"};
  Agent agent(setup);
  for (int i = 0; i < 4; ++i) {
    std::ofstream(setup.buffer, std::ios::app) << "line " << i << "\n";
    REQUIRE(agent.drains(kPatience));
    std::this_thread::sleep_for(seconds(3));  // nothing tells that the broker has closed them
  }
  CHECK(agent.log().find("warning") == std::string::npos);
  CHECK(agent.log().find("error") == std::string::npos);
  CHECK(agent.stop().code == 0);
  CHECK(kafka.record_count("idle") == 4);
}

}  // namespace
}  // namespace punchline::testing
