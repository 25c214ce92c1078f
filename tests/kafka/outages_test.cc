// What happens to clusters, one after the other, under a running agent: three brokers, replication
// 3, min.insync.replicas 2. Each time nothing is lost, invented or out of order, and what is there
// twice is no more than was in flight.

#include <algorithm>
#include <fstream>
#include <iostream>
#include <stdexcept>
#include <vector>

#include <signal.h>

#include "tests/kafka/scene.h"
#include "tests/support/account.h"
#include "tests/support/catch.h"
#include "tests/support/kcat.h"
#include "tests/support/occurrences.h"
#include "tests/support/proxy.h"

namespace punchline::testing {
namespace {

using std::chrono::seconds;

constexpr std::uint64_t kEndless = 100'000'000;  // lines; the test stops the producer
const std::vector<int> kAll = {0, 1, 2};

KafkaCluster& shared_cluster() {
  static KafkaCluster cluster({.brokers = 3, .doors = true});
  return cluster;
}

void kill_a_leader(Scene& scene) {
  auto& kafka = shared_cluster();
  const int broker = kafka.leader(scene.topic(), 0);
  kafka.kill9(broker);
  scene.goes_on();
  kafka.restart(broker);
}

void freeze_a_leader(Scene& scene) {
  auto& kafka = shared_cluster();
  const int broker = kafka.leader(scene.topic(), 0);
  kafka.freeze(broker);
  scene.goes_on();
  kafka.thaw(broker);
}

// Else nothing happened.
void await_other_controller(int than) {
  REQUIRE(eventually(kPatience, [&] {
    const int now = shared_cluster().controller();
    return now >= 0 && now != than;
  }));
}

void kill_the_controller(Scene& scene) {
  auto& kafka = shared_cluster();
  const int broker = kafka.controller();
  kafka.kill9(broker);
  await_other_controller(broker);
  scene.goes_on();
  kafka.restart(broker);
}

void freeze_the_controller(Scene& scene) {
  auto& kafka = shared_cluster();
  const int broker = kafka.controller();
  kafka.freeze(broker);
  await_other_controller(broker);
  scene.goes_on();
  kafka.thaw(broker);
}

void kill_these(Scene& scene, const std::vector<int>& brokers) {
  for (const int broker : brokers)
    shared_cluster().kill9(broker);
  scene.wait_for_lines(kLinesPerSecond);
  shared_cluster().start();
}

void freeze_these(Scene& scene, const std::vector<int>& brokers) {
  for (const int broker : brokers)
    shared_cluster().freeze(broker);
  scene.wait_for_lines(5 * kLinesPerSecond);  // longer than the client waits for an answer
  for (const int broker : brokers)
    shared_cluster().thaw(broker);
}

void restart_one_after_the_other(Scene& scene) {
  for (const int broker : kAll) {
    shared_cluster().stop(broker);
    shared_cluster().restart(broker);
    shared_cluster().await_in_sync(scene.topic());
  }
}

void lack_replicas(Scene& scene) {
  auto& kafka = shared_cluster();
  kafka.alter_topic(scene.topic(), {{"min.insync.replicas", "3"}});
  const int broker = kafka.leader(scene.topic(), 0);
  kafka.stop(broker);
  const auto before = scene.confirmed();
  scene.wait_for_lines(2 * kLinesPerSecond);
  CHECK(scene.confirmed() < before + kLinesPerSecond);
  kafka.restart(broker);
  kafka.alter_topic(scene.topic(), {{"min.insync.replicas", "2"}});
}

void lower_the_limit(Scene& scene) {
  auto& kafka = shared_cluster();
  // Less than a request, more than the quarter of one that waits behind it (LaneWindow, W2).
  kafka.alter_topic(scene.topic(), {{"max.message.bytes", "50000"}});
  scene.agent().process().signal(SIGSTOP);  // so that there is more than that to send at once
  scene.wait_for_lines(2 * kLinesPerSecond);
  scene.agent().process().signal(SIGCONT);
  scene.goes_on();
  CHECK(scene.agent().metric("punchline_kafka_errors_total", "MSG_SIZE_TOO_LARGE") > 0);
  kafka.alter_topic(scene.topic(), {{"max.message.bytes", "1000000"}});
}

void throttle(Scene& scene) {
  shared_cluster().limit_clients(kLinesPerSecond * 10);  // some 10 bytes for each line
  // Not at once: a broker looks at the mean of the last ten seconds.
  REQUIRE(eventually(kPatience, [&] { return scene.behind() > kLinesPerSecond; }));
  CHECK(scene.agent().logs("slows this client down, by up to"));
  CHECK(eventually(kPatience, [&] {
    return scene.agent().metric("punchline_kafka_broker_throttle_seconds") > 0;
  }));
  shared_cluster().limit_clients(0);
}

void add_partitions(Scene& scene) {
  scene.have_partitions(6);
  REQUIRE(eventually(kPatience, [&] { return scene.agent().metric("punchline_partitions") == 6; }));
  scene.goes_on();
}

TEST_CASE("what happens to three brokers, one after the other: all arrives, in order") {
  Scene scene(shared_cluster(), {.topic = "outages", .partitions = 4});
  constexpr auto kMost = lane_records_max(4);
  scene.during("kill -9 of a leader", kMost, kill_a_leader);
  scene.during("a leader freezes", kMost, freeze_a_leader);
  scene.during("the active controller freezes", kMost, freeze_the_controller);
  scene.during("all freeze", kMost, [](Scene& it) { freeze_these(it, kAll); });
  scene.during("too few replicas in sync", kMost, lack_replicas);
  scene.during("max.message.bytes lowered below what a request holds", 0, lower_the_limit);
  const auto away = occurrences(scene.agent().log(), "no Kafka broker answers");
  scene.during("a quota throttles", 0, throttle);
  CHECK(occurrences(scene.agent().log(), "no Kafka broker answers") == away);
  CHECK(scene.agent().logs("slows this client down no more", kPatience));
  scene.close();
}

TEST_CASE("... and what takes longer", "[.slow]") {
  Scene scene(shared_cluster(), {.topic = "long", .partitions = 4});
  constexpr auto kMost = lane_records_max(6);
  scene.during("kill -9 of the active controller", kMost, kill_the_controller);
  scene.during("kill -9 of two of three", kMost, [](Scene& it) { kill_these(it, {0, 1}); });
  scene.during("two of three freeze", kMost, [](Scene& it) { freeze_these(it, {1, 2}); });
  scene.during("kill -9 of all", kMost, [](Scene& it) { kill_these(it, kAll); });
  scene.during("a rolling restart", kMost, restart_one_after_the_other);
  scene.during("partitions are added", 0, add_partitions);
  scene.during("kill -9 of a leader again", kMost, kill_a_leader);
  scene.close();
}

TEST_CASE("partitions are added while one lags and the agent dies: order within each holds") {
  auto& kafka = shared_cluster();
  std::string topic = "grown";
  TopicState state;
  do {  // until two brokers lead
    topic += "-more";
    kafka.create_topic(topic, 2);
    REQUIRE(eventually(kPatience, [&] {
      state = topic_state(kafka.bootstrap(), topic);
      return state.leaders.size() == 2;
    }));
  } while (state.leaders[0] == state.leaders[1]);
  const TempDir folder(topic);
  const RunSetup setup{.buffer = folder.file("buffer"),
                       .brokers = kafka.bootstrap(),
                       .topic = topic,
                       .before = {"env", "PUNCHLINE_STRIPE_BYTES=8192"}};
  const auto corpus = LogCorpus::committed();
  std::vector<std::vector<std::uint64_t>> offsets;
  {
    Agent agent(setup);
    offsets.push_back(Producer(corpus, 0, setup.buffer, {.lines = 2'000}).join());
    REQUIRE(agent.drains(kPatience));
    const int frozen = kafka.leader(topic, 0);
    kafka.freeze(frozen);
    offsets.push_back(Producer(corpus, 1, setup.buffer, {.lines = 1'000}).join());
    REQUIRE(eventually(kPatience, [&] {
      return agent.metric("punchline_records_confirmed_total") > 2'200;  // of the other one
    }));
    agent.kill9();
    kafka.thaw(frozen);
  }
  kafka.await_in_sync(topic);
  kafka.add_partitions(topic, 3);
  REQUIRE(eventually(kPatience,
                     [&] { return topic_state(kafka.bootstrap(), topic).leaders.size() == 3; }));
  Agent agent(setup);
  REQUIRE(agent.drains(kPatience));
  agent.process().signal(SIGHUP);  // a broker may have answered that did not know of the third yet
  REQUIRE(eventually(kPatience, [&] { return agent.metric("punchline_partitions") == 3; }));
  offsets.push_back(Producer(corpus, 2, setup.buffer, {.lines = 2'000}).join());
  REQUIRE(agent.drains(kPatience));
  CHECK(agent.stop().code == 0);
  const auto read = read_topic(kafka.bootstrap(), topic, 3, folder.path());
  const auto account = settle(corpus, offsets, read);
  std::cout << "partitions added meanwhile: " << account.text() << "\n";
  CHECK(account.sound());
  CHECK(std::filesystem::file_size(read[2]) > 0);
}

// With all connections goes the producer id: the cluster may have been set back behind them.
TEST_CASE("answers are lost after the append: no more is there twice than was in flight") {
  auto& kafka = shared_cluster();
  Proxy proxy(kafka.doors());
  Scene scene(kafka, {.topic = "hole", .partitions = 2, .brokers = kafka.bootstrap_by_doors()});
  const auto lose_answers = [&] {
    scene.goes_on();
    proxy.swallow_answers();
    const auto confirmed = static_cast<std::uint64_t>(scene.confirmed());
    REQUIRE(eventually(kPatience, [&] { return scene.arrived() > confirmed; }));
  };
  scene.during("answers are lost, the connections with them", lane_records_max(2), [&](Scene&) {
    lose_answers();
    proxy.cut();
    scene.goes_on();
  });
  scene.during("answers are lost, and the agent is killed", lane_records_max(2), [&](Scene&) {
    lose_answers();
    scene.agent().kill9();
    proxy.cut();
    scene.start_agent();
  });
  scene.close();
}

TEST_CASE("300,000 records through the restart of a broker, in order") {
  constexpr std::uint64_t kLines = 300'000;
  auto& kafka = shared_cluster();
  Scene scene(kafka, {.topic = "restart"});
  Producer producer(scene.corpus(), 0, scene.buffer(),
                    {.lines = kLines, .lines_per_second = 30'000});
  REQUIRE(eventually(kPatience, [&] { return scene.confirmed() > kLines / 10.0; }));
  const int broker = kafka.leader(scene.topic(), 0);
  kafka.stop(broker);
  kafka.restart(broker);
  const std::vector<std::vector<std::uint64_t>> offsets = {producer.join()};
  REQUIRE(scene.agent().drains(kPatience));
  CHECK(scene.agent().stop().code == 0);
  const auto account =
      settle(scene.corpus(), offsets,
             read_topic(kafka.bootstrap(), scene.topic(), 1, scene.folder().path()));
  std::cout << "restart: " << account.text() << "\n";
  CHECK(account.sound());
  CHECK(account.appended == kLines);
  CHECK(account.duplicates <= lane_records_max(1));
}

// The number of the first line in a partition.
std::uint64_t first_number(const std::filesystem::path& partition) {
  std::ifstream in(partition, std::ios::binary);
  std::string line;
  std::getline(in, line);
  const auto id = LogCorpus::parse(line);
  if (!id) throw std::runtime_error("not one of our lines: " + line);
  return id->number;
}

// What a topic of one partition holds against one producer's lines; those before `sure` need not
// be there.
Account account_from(Scene& scene, std::uint64_t lines, std::uint64_t sure,
                     const std::filesystem::path& partition) {
  Written written;
  written.fates.assign(lines, Written::Fate::whole);
  std::fill_n(written.fates.begin(), sure, Written::Fate::perhaps);
  return settle(scene.corpus(), std::vector{written}, std::vector{partition});
}

TEST_CASE("a topic is deleted, and made again later: what was not confirmed before is there then") {
  auto& kafka = shared_cluster();
  Scene scene(kafka, {.topic = "deleted"});
  Producer producer(scene.corpus(), 0, scene.buffer(),
                    {.lines = kEndless, .lines_per_second = kLinesPerSecond});
  REQUIRE(eventually(kPatience, [&] { return scene.confirmed() > kLinesPerSecond; }));
  kafka.delete_topic(scene.topic());
  REQUIRE(scene.agent().logs("does not exist", kPatience));
  REQUIRE(eventually(kPatience,
                     [&] { return scene.agent().metric("punchline_in_flight_records") == 0; }));
  const auto gone = static_cast<std::uint64_t>(scene.confirmed());
  kafka.create_topic(scene.topic(), 1);
  scene.goes_on();
  producer.stop();
  const auto lines = producer.join().size();
  REQUIRE(scene.agent().drains(kPatience));
  CHECK(scene.agent().stop().code == 0);

  const auto read = read_topic(kafka.bootstrap(), scene.topic(), 1, scene.folder().path());
  const auto account = account_from(scene, lines, gone, read[0]);
  std::cout << "deleted, noticed: " << gone << " gone; " << account.text() << "\n";
  INFO(scene.agent().log());
  CHECK(account.sound());
  CHECK(first_number(read[0]) == gone);
  CHECK(account.duplicates <= lane_records_max(1));
}

TEST_CASE("a topic is made anew with fewer partitions: these get what is left") {
  auto& kafka = shared_cluster();
  kafka.create_topic("fewer", 3);
  const TempDir folder("fewer");
  const RunSetup setup{.buffer = folder.file("buffer"),
                       .brokers = kafka.bootstrap(),
                       .topic = "fewer",
                       .before = {"env", "PUNCHLINE_STRIPE_BYTES=8192"}};
  const auto corpus = LogCorpus::committed();
  Agent agent(setup);
  Producer(corpus, 0, setup.buffer, {.lines = 2'000}).join();
  REQUIRE(agent.drains(kPatience));
  kafka.delete_topic("fewer");
  REQUIRE(agent.logs("does not exist", kPatience));
  kafka.create_topic("fewer", 2);
  Producer(corpus, 1, setup.buffer, {.lines = 2'000}).join();
  REQUIRE(agent.drains(kPatience));
  CHECK(agent.logs("a broker tells of 2 partitions, 3 were known"));
  CHECK(agent.metric("punchline_partitions") == 2);
  CHECK(agent.stop().code == 0);
  const auto arrived = static_cast<std::uint64_t>(kafka.record_count("fewer"));
  CHECK(arrived >= 2'000);
  CHECK(arrived <= 2'000 + lane_records_max(3));
}

// The topic as its leader knows it, which for a moment may be nobody.
bool holds_less(const Scene& scene, std::uint64_t records) {
  try {
    return scene.arrived() < records;
  } catch (const std::runtime_error&) {
    return false;
  }
}

// A broker learns of it late: the old topic may take records after its name was given to a new one,
// and the new one takes any batch as a producer's first, so one that was refused meanwhile comes
// behind those that followed it. What holds: whatever was not confirmed when the new topic was
// there is in it.
TEST_CASE("a topic is deleted and made again at once: what was not confirmed by then is there") {
  auto& kafka = shared_cluster();
  Scene scene(kafka, {.topic = "remade"});
  Producer producer(scene.corpus(), 0, scene.buffer(),
                    {.lines = kEndless, .lines_per_second = kLinesPerSecond});
  REQUIRE(eventually(kPatience, [&] { return scene.confirmed() > 0; }));
  std::uint64_t appended = 0;
  std::uint64_t confirmed = 0;
  for (int round = 0; round < 5; ++round) {
    scene.goes_on();
    const auto before = scene.arrived();
    kafka.delete_topic(scene.topic());
    kafka.create_topic(scene.topic(), 1);
    REQUIRE(eventually(kPatience, [&] { return holds_less(scene, before); }));
    appended = producer.appended();
    confirmed = static_cast<std::uint64_t>(scene.confirmed());
  }
  scene.goes_on();
  producer.stop();
  const auto lines = producer.join().size();
  REQUIRE(scene.agent().drains(kPatience));
  CHECK(scene.agent().stop().code == 0);

  const auto read = read_topic(kafka.bootstrap(), scene.topic(), 1, scene.folder().path());
  const auto account = account_from(scene, lines, appended, read[0]);
  const auto missing = lines - (account.arrivals - account.duplicates);
  std::cout << "deleted and made again: " << missing << " of " << confirmed
            << " that were confirmed by then went with it; " << account.text() << "\n";
  INFO(scene.agent().log());
  CHECK(account.lost == 0);
  CHECK(account.invented == 0);
  CHECK(missing <= confirmed);
  CHECK(account.disordered <= lane_records_max(1));
  CHECK(account.duplicates <= lane_records_max(1));
}

}  // namespace
}  // namespace punchline::testing
