#include <filesystem>
#include <iostream>

#include "tests/support/account.h"
#include "tests/support/catch.h"
#include "tests/support/kafka_cluster.h"
#include "tests/support/kcat.h"
#include "tests/support/producer.h"
#include "tests/support/program.h"

namespace punchline::testing {
namespace {

namespace fs = std::filesystem;
using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::seconds;

constexpr std::uint64_t kLeftBytesMax = 64 * 1024;  // what a drained buffer may occupy

// One for all cases of this program, since a start takes seconds; each case has its own topics.
KafkaCluster& shared_cluster() {
  static KafkaCluster cluster;
  return cluster;
}

TEST_CASE("a million log lines arrive byte for byte, and their blocks are free again") {
  constexpr std::uint64_t kLines = 1'000'000;
  auto& kafka = shared_cluster();
  kafka.create_topic("million", 1);
  const TempDir folder("million");
  const auto input = folder.file("input");
  const auto buffer = folder.file("buffer");
  const auto bytes = write_lines(LogCorpus::committed(), 0, kLines, input);
  fs::copy_file(input, buffer);

  const auto result =
      run_once({.buffer = buffer, .brokers = kafka.bootstrap(), .topic = "million"}, minutes(5));
  INFO(result.err);
  REQUIRE(result.exit.code == 0);
  const auto read = read_topic(kafka.bootstrap(), "million", 1, folder.path());
  CHECK(run({.argv = {"cmp", input, read[0]}}, minutes(1)).exit.code == 0);
  CHECK(fs::file_size(buffer) == bytes);
  CHECK(allocated_bytes(buffer) <= kLeftBytesMax);
}

TEST_CASE("two producers, four partitions: each line once, in order per partition") {
  auto& kafka = shared_cluster();
  kafka.create_topic("four", 4);
  const TempDir folder("four");
  const auto buffer = folder.file("buffer");
  const auto corpus = LogCorpus::committed();
  std::vector<std::vector<std::uint64_t>> offsets;
  {
    Agent agent({.buffer = buffer, .brokers = kafka.bootstrap(), .topic = "four"});
    Producer one(corpus, 0, buffer, {.lines = 100'000});
    Producer two(corpus, 1, buffer, {.lines = 100'000, .lines_per_write = 1});
    offsets = {one.join(), two.join()};
    REQUIRE(agent.drains());
    CHECK(agent.metric("punchline_records_confirmed_total") == 200'000);
    CHECK(agent.stop().code == 0);
  }
  const auto account =
      settle(corpus, offsets, read_topic(kafka.bootstrap(), "four", 4, folder.path()));
  INFO(account.text());
  CHECK(account.sound());
  CHECK(account.duplicates == 0);
  CHECK(allocated_bytes(buffer) <= kLeftBytesMax);
}

TEST_CASE("the broker is absent at start, is killed in the middle and comes back: all arrive") {
  KafkaCluster kafka({.started = false});
  const TempDir folder("outage");
  const auto buffer = folder.file("buffer");
  const auto corpus = LogCorpus::committed();
  Agent agent({.buffer = buffer, .brokers = kafka.bootstrap(), .topic = "outage"});
  Producer producer(corpus, 0, buffer, {.lines = 400'000, .lines_per_second = 20'000});
  REQUIRE(eventually(seconds(20), [&] { return producer.appended() > 20'000; }));

  kafka.start();  // the topic is still missing
  REQUIRE(eventually(seconds(20), [&] { return producer.appended() > 100'000; }));
  CHECK(agent.metric("punchline_records_confirmed_total") == 0);
  kafka.create_topic("outage", 4);
  REQUIRE(eventually(seconds(60),
                     [&] { return agent.metric("punchline_records_confirmed_total") > 50'000; }));

  kafka.kill9(0);
  const auto appended = producer.appended();
  REQUIRE(eventually(seconds(20),
                     [&] { return producer.done() || producer.appended() > appended + 50'000; }));
  kafka.restart(0);
  const std::vector<std::vector<std::uint64_t>> offsets = {producer.join()};
  REQUIRE(agent.drains());
  CHECK(agent.stop().code == 0);

  const auto account =
      settle(corpus, offsets, read_topic(kafka.bootstrap(), "outage", 4, folder.path()));
  INFO(account.text() << "\n" << agent.log());
  CHECK(account.sound());
  CHECK(account.duplicate_share() < 0.1);
  CHECK(allocated_bytes(buffer) <= kLeftBytesMax);
}

TEST_CASE("two gigabytes appended while the broker is away arrive when it is back", "[.backlog]") {
  constexpr std::uint64_t kBacklog = std::uint64_t{2} << 30;
  auto& kafka = shared_cluster();
  kafka.create_topic("backlog", 4);
  const TempDir folder("backlog");
  const auto buffer = folder.file("buffer");
  const auto corpus = LogCorpus::committed();
  Agent agent({.buffer = buffer, .brokers = kafka.bootstrap(), .topic = "backlog"});
  const auto confirmed = [&] { return agent.metric("punchline_records_confirmed_total"); };
  Producer before(corpus, 0, buffer, {.lines = 100'000, .lines_per_second = 50'000});
  REQUIRE(eventually(seconds(30), [&] { return confirmed() > 10'000; }));
  kafka.kill9(0);
  Producer outage(corpus, 1, buffer, {.lines = 100'000'000, .lines_per_write = 1'000});
  REQUIRE(eventually(minutes(5), [&] { return fs::file_size(buffer) > kBacklog; }));
  outage.stop();
  const std::vector<std::vector<std::uint64_t>> offsets = {before.join(), outage.join()};
  const auto behind = static_cast<double>(offsets[0].size() + offsets[1].size()) - confirmed();
  CHECK(behind > 0.9 * static_cast<double>(offsets[1].size()));
  kafka.restart(0);
  REQUIRE(agent.drains(minutes(10)));
  const auto exit = agent.stop();
  CHECK(exit.code == 0);
  CHECK(exit.rss_bytes_max < 128 << 20);
  CHECK(allocated_bytes(buffer) <= kLeftBytesMax);

  const auto account =
      settle(corpus, offsets, read_topic(kafka.bootstrap(), "backlog", 4, folder.path()));
  std::cout << "backlog of " << static_cast<std::uint64_t>(behind) << " lines: " << account.text()
            << "; the agent took at most " << exit.rss_bytes_max / (1 << 20) << " MiB\n";
  INFO(agent.log());
  CHECK(account.sound());
  CHECK(account.duplicates <= 50'000);  // what was in flight when the broker died
}

TEST_CASE("a broker that stops answering for a while") {
  auto& kafka = shared_cluster();
  kafka.create_topic("frozen", 2);
  const TempDir folder("frozen");
  const auto buffer = folder.file("buffer");
  const auto corpus = LogCorpus::committed();
  Agent agent({.buffer = buffer, .brokers = kafka.bootstrap(), .topic = "frozen"});
  Producer producer(corpus, 0, buffer, {.lines = 100'000, .lines_per_second = 20'000});
  REQUIRE(eventually(seconds(60),
                     [&] { return agent.metric("punchline_records_confirmed_total") > 10'000; }));
  kafka.freeze(0);
  REQUIRE(eventually(seconds(20), [&] { return producer.appended() > 60'000; }));
  kafka.thaw(0);
  const std::vector<std::vector<std::uint64_t>> offsets = {producer.join()};
  REQUIRE(agent.drains());
  CHECK(agent.stop().code == 0);
  const auto account =
      settle(corpus, offsets, read_topic(kafka.bootstrap(), "frozen", 2, folder.path()));
  INFO(account.text());
  CHECK(account.sound());
}

TEST_CASE("Kafka 4.1.0, in short") {
  constexpr const char* kVersion = "4.1.0";
  if (!KafkaCluster::available(kVersion)) {
    WARN("left out: Kafka 4.1.0 is not in the cache (tests/support/fetch-kafka 4.1.0)");
    return;
  }
  KafkaCluster kafka({.version = kVersion});
  kafka.create_topic("smoke", 1);
  const TempDir folder("smoke");
  const auto input = folder.file("input");
  const auto buffer = folder.file("buffer");
  write_lines(LogCorpus::committed(), 0, 50'000, input);
  fs::copy_file(input, buffer);
  const auto result = run_once({.buffer = buffer, .brokers = kafka.bootstrap(), .topic = "smoke"});
  INFO(result.err);
  REQUIRE(result.exit.code == 0);
  CHECK(read_file(input) == read_file(read_topic(kafka.bootstrap(), "smoke", 1, folder.path())[0]));
}

}  // namespace
}  // namespace punchline::testing
