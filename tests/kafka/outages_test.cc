// What happens to clusters, one after the other, under a running agent: three brokers, replication
// 3, min.insync.replicas 2. Each time nothing is lost, invented or out of order, and what is there
// twice is no more than was in flight.

#include <algorithm>
#include <fstream>
#include <functional>
#include <iostream>
#include <optional>
#include <stdexcept>
#include <vector>

#include <signal.h>

#include "tests/support/account.h"
#include "tests/support/catch.h"
#include "tests/support/kafka_cluster.h"
#include "tests/support/kcat.h"
#include "tests/support/producer.h"
#include "tests/support/program.h"
#include "tests/support/proxy.h"

namespace punchline::testing {
namespace {

using std::chrono::seconds;

constexpr std::uint64_t kEndless = 100'000'000;  // lines; the test stops the producer
constexpr std::uint64_t kLinesPerSecond = 5'000;
constexpr seconds kPatience{90};
const std::vector<int> kAll = {0, 1, 2};

// What one lane may have in the client is 1.25 requests, and at most four more while it runs fast
// (LaneWindow, W2); a request holds batch.num.messages records, here few of them.
constexpr std::uint64_t kRequestRecords = 1'000;
constexpr std::uint64_t lane_records_max(std::uint64_t lanes) {
  return lanes * (kRequestRecords + kRequestRecords / 4 + 4 * kRequestRecords);
}

KafkaCluster& shared_cluster() {
  static KafkaCluster cluster({.brokers = 3, .doors = true});
  return cluster;
}

// An agent with its buffer, its topic and those who append, of whom each event has one of its own.
class Scene {
 public:
  explicit Scene(const std::string& topic, std::int32_t partitions, bool by_doors = false)
      : topic_(topic), partitions_(partitions), folder_(topic) {
    kafka_.create_topic(topic, partitions);
    setup_ = {.buffer = folder_.file("buffer"),
              .brokers = by_doors ? kafka_.bootstrap_by_doors() : kafka_.bootstrap(),
              .topic = topic,
              // A frozen broker is noticed by this; the default is half a minute.
              .more = {"-X", "batch.num.messages=" + std::to_string(kRequestRecords), "-X",
                       "socket.timeout.ms=4000", "-X", "request.timeout.ms=3000"}};
    start_agent();
  }

  void start_agent() { agent_.emplace(setup_); }
  Agent& agent() { return *agent_; }
  const std::string& topic() const { return topic_; }
  const std::string& buffer() const { return setup_.buffer; }
  const LogCorpus& corpus() const { return corpus_; }
  Producer& producer() { return *producer_; }
  const TempDir& folder() const { return folder_; }

  double confirmed() { return agent_->metric("punchline_records_confirmed_total"); }
  // Lines that are appended and not confirmed.
  double behind() {
    const auto lines = static_cast<double>(appended_ + producer_->appended());
    return lines - confirmed();
  }
  std::uint64_t arrived() const { return static_cast<std::uint64_t>(kafka_.record_count(topic_)); }

  // All that is appended by now gets through, whatever else is appended.
  void goes_on() {
    const auto bytes = static_cast<double>(std::filesystem::file_size(buffer()));
    const bool on = eventually(
        kPatience, [&] { return agent_->metric("punchline_bytes_confirmed_total") >= bytes; });
    if (!on) std::cerr << agent_->log();
    REQUIRE(on);
  }

  void wait_for_lines(std::uint64_t more) {
    const auto wanted = producer_->appended() + more;
    REQUIRE(eventually(kPatience, [&] { return producer_->appended() >= wanted; }));
  }

  // `event` while somebody appends; then all of it arrives. At most `twice_max` records more than
  // before are there twice.
  void during(const std::string& name, std::uint64_t twice_max,
              const std::function<void(Scene&)>& event) {
    INFO(name);
    const auto begin = Clock::now();
    const auto number = static_cast<std::uint32_t>(offsets_.size());
    producer_.emplace(corpus_, number, buffer(),
                      Producer::Load{.lines = kEndless, .lines_per_second = kLinesPerSecond});
    wait_for_lines(kLinesPerSecond / 5);
    event(*this);
    producer_->stop();
    offsets_.push_back(producer_->join());
    appended_ += offsets_.back().size();
    const bool drained = agent_->drains(kPatience);
    if (!drained) std::cerr << agent_->log();
    REQUIRE(drained);
    kafka_.await_in_sync(topic_);
    // A leader that is thawed or new knows the end a little later.
    const bool there = eventually(kPatience, [&] { return arrived() >= appended_ + twice_; });
    const auto twice = arrived() - appended_;
    const std::chrono::duration<double> took = Clock::now() - begin;
    std::cout << name << ": " << offsets_.back().size() << " lines, "
              << (there ? twice - twice_ : 0) << " of them twice, " << took.count() << " s\n";
    CHECK(there);
    CHECK(twice <= twice_ + twice_max);
    twice_ = twice;
    twice_max_ += twice_max;
  }

  // Looks at everything, byte for byte.
  void close() {
    CHECK(agent_->stop().code == 0);
    const auto account = settle(
        corpus_, offsets_, read_topic(kafka_.bootstrap(), topic_, partitions_, folder_.path()));
    std::cout << topic_ << ": " << account.text() << "\n";
    INFO(account.text() << "\n" << agent_->log());
    CHECK(account.sound());
    CHECK(account.duplicates <= twice_max_);
    CHECK(inspect(buffer()).waiting_records == 0);
    CHECK(inspect(buffer()).set_aside == 0);
  }

  void have_partitions(std::int32_t count) {
    kafka_.add_partitions(topic_, count);
    partitions_ = count;
  }

 private:
  KafkaCluster& kafka_ = shared_cluster();
  const std::string topic_;
  std::int32_t partitions_;
  const TempDir folder_;
  const LogCorpus corpus_ = LogCorpus::from_machine();
  RunSetup setup_;
  std::optional<Agent> agent_;
  std::optional<Producer> producer_;
  std::vector<std::vector<std::uint64_t>> offsets_;
  std::uint64_t appended_ = 0;
  std::uint64_t twice_ = 0;  // records there beyond those appended
  std::uint64_t twice_max_ = 0;
};

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
  shared_cluster().limit_clients(0);
}

void add_partitions(Scene& scene) {
  scene.have_partitions(6);
  REQUIRE(eventually(kPatience, [&] { return scene.agent().metric("punchline_partitions") == 6; }));
  scene.goes_on();
}

TEST_CASE("what happens to three brokers, one after the other: all arrives, in order") {
  Scene scene("outages", 4);
  constexpr auto kMost = lane_records_max(4);
  scene.during("kill -9 of a leader", kMost, kill_a_leader);
  scene.during("a leader freezes", kMost, freeze_a_leader);
  scene.during("all freeze", kMost, [](Scene& it) { freeze_these(it, kAll); });
  scene.during("too few replicas in sync", kMost, lack_replicas);
  scene.during("max.message.bytes lowered below what a request holds", 0, lower_the_limit);
  scene.during("a quota throttles", 0, throttle);
  scene.close();
}

TEST_CASE("... and what takes longer", "[.slow]") {
  Scene scene("long", 4);
  constexpr auto kMost = lane_records_max(6);
  scene.during("kill -9 of two of three", kMost, [](Scene& it) { kill_these(it, {0, 1}); });
  scene.during("two of three freeze", kMost, [](Scene& it) { freeze_these(it, {1, 2}); });
  scene.during("kill -9 of all", kMost, [](Scene& it) { kill_these(it, kAll); });
  scene.during("a rolling restart", kMost, restart_one_after_the_other);
  scene.during("partitions are added", 0, add_partitions);
  scene.during("kill -9 of a leader again", kMost, kill_a_leader);
  scene.close();
}

TEST_CASE("answers are lost after the append: none is there twice unless the agent dies, too") {
  auto& kafka = shared_cluster();
  Proxy proxy(kafka.doors());
  Scene scene("hole", 2, true);
  const auto lose_answers = [&] {
    scene.goes_on();
    proxy.swallow_answers();
    const auto confirmed = static_cast<std::uint64_t>(scene.confirmed());
    REQUIRE(eventually(kPatience, [&] { return scene.arrived() > confirmed; }));
  };
  scene.during("answers are lost, the connections with them", 0, [&](Scene&) {
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
  Scene scene("restart", 1);
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

// What a topic of one partition holds against one producer's lines; those before `first` need not
// be there.
Account account_from(Scene& scene, std::uint64_t lines, std::uint64_t first,
                     const std::filesystem::path& partition) {
  Written written;
  written.fates.assign(lines, Written::Fate::whole);
  std::fill_n(written.fates.begin(), first, Written::Fate::perhaps);
  return settle(scene.corpus(), std::vector{written}, std::vector{partition});
}

TEST_CASE("a topic is deleted, and made again later: what was not confirmed before is there then") {
  auto& kafka = shared_cluster();
  Scene scene("deleted", 1);
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
  CHECK(account.sound());
  CHECK(first_number(read[0]) == gone);
  CHECK(account.duplicates <= lane_records_max(1));
}

TEST_CASE("a topic is deleted and made again at once: nothing is missing from where it begins") {
  auto& kafka = shared_cluster();
  Scene scene("remade", 1);
  Producer producer(scene.corpus(), 0, scene.buffer(),
                    {.lines = kEndless, .lines_per_second = kLinesPerSecond});
  REQUIRE(eventually(kPatience, [&] { return scene.confirmed() > 0; }));
  double confirmed = 0;
  for (int round = 0; round < 5; ++round) {
    scene.goes_on();
    confirmed = scene.confirmed();
    kafka.delete_topic(scene.topic());
    kafka.create_topic(scene.topic(), 1);
  }
  scene.goes_on();
  producer.stop();
  const auto lines = producer.join().size();
  REQUIRE(scene.agent().drains(kPatience));
  CHECK(scene.agent().stop().code == 0);

  const auto read = read_topic(kafka.bootstrap(), scene.topic(), 1, scene.folder().path());
  const auto first = first_number(read[0]);
  const auto account = account_from(scene, lines, first, read[0]);
  std::cout << "deleted and made again: begins " << static_cast<double>(first) - confirmed
            << " lines behind what was confirmed before; " << account.text() << "\n";
  CHECK(account.sound());
  CHECK(account.duplicates <= lane_records_max(1));
}

}  // namespace
}  // namespace punchline::testing
