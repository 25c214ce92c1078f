// What a topic does with the times that frames carry: it puts its own in their place, or refuses
// records that claim to be too old or too new.

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <optional>
#include <set>
#include <vector>

#include "buffer/posix_append_file.h"
#include "tests/support/catch.h"
#include "tests/support/kafka_cluster.h"
#include "tests/support/kcat.h"
#include "tests/support/program.h"
#include "tests/support/temp_dir.h"

namespace punchline::testing {
namespace {

using std::chrono::seconds;

constexpr std::int32_t kPartitions = 2;
constexpr std::int64_t kYearMs = 365LL * 24 * 3600 * 1000;
constexpr const char* kAnyTime = "9223372036854775807";

KafkaCluster& shared_cluster() {
  static KafkaCluster cluster;
  return cluster;
}

std::int64_t now_ms() {
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  return std::chrono::duration_cast<std::chrono::milliseconds>(now).count();
}

std::string payload_of(std::size_t number) {
  return "record-" + std::to_string(number);
}

/// Records by number, each with the time it claims.
using Times = std::vector<std::int64_t>;

void append(const std::string& buffer, const Times& times) {
  auto writer = open_append_writer(buffer, Format::frames);
  REQUIRE(writer.ok());
  for (std::size_t number = 0; number < times.size(); ++number) {
    const auto payload = payload_of(number);
    FrameRecord record;
    record.payload = payload;
    record.timestamp_ms = times[number];
    REQUIRE((*writer)->add(record).ok());
  }
  REQUIRE((*writer)->flush().ok());
}

struct Arrival {
  std::size_t number = 0;
  std::int64_t time_ms = 0;
  std::int64_t header_ms = -1;  // punchline.timestamp
};

/// What is in the topic against what was to come, `wanted` by number.
struct Account {
  std::size_t lost = 0;
  std::size_t twice = 0;
  std::size_t invented = 0;
  std::size_t disordered = 0;
  std::vector<Arrival> arrivals = {};

  friend std::ostream& operator<<(std::ostream& out, const Account& it) {
    return out << it.arrivals.size() << " arrived, " << it.lost << " lost, " << it.twice
               << " twice, " << it.invented << " invented, " << it.disordered << " out of order";
  }
};

/// As kcat words one of ours; nothing if it is not, byte for byte.
std::optional<Arrival> parse(const std::string& line) {
  Arrival arrival;
  long long time_ms = 0;
  if (std::sscanf(line.c_str(), "%lld -1 %*u |record-%zu|", &time_ms, &arrival.number) != 2) {
    return std::nullopt;
  }
  arrival.time_ms = time_ms;
  const auto payload = payload_of(arrival.number);
  const auto whole =
      std::to_string(time_ms) + " -1 " + std::to_string(payload.size()) + " |" + payload + "|";
  if (line == whole) return arrival;
  const auto with_header = whole + "punchline.timestamp=";
  if (!line.starts_with(with_header)) return std::nullopt;
  arrival.header_ms = std::stoll(line.substr(with_header.size()));
  return arrival;
}

Account settle(const std::string& topic, const std::set<std::size_t>& wanted) {
  const TempDir folder("read");
  Account account;
  std::set<std::size_t> seen;
  for (const auto& file :
       read_topic_whole(shared_cluster().bootstrap(), topic, kPartitions, folder.path())) {
    std::ifstream in(file, std::ios::binary);
    std::size_t furthest = 0;
    for (std::string line; std::getline(in, line);) {
      const auto arrival = parse(line);
      account.invented += arrival && wanted.contains(arrival->number) ? 0 : 1;
      if (!arrival) continue;
      account.arrivals.push_back(*arrival);
      if (!seen.insert(arrival->number).second) {
        ++account.twice;
        continue;
      }
      account.disordered += arrival->number < furthest ? 1 : 0;
      furthest = std::max(furthest, arrival->number);
    }
  }
  for (const auto number : wanted)
    account.lost += seen.contains(number) ? 0 : 1;
  return account;
}

std::set<std::size_t> numbers(std::size_t count, const std::set<std::size_t>& without = {}) {
  std::set<std::size_t> all;
  for (std::size_t number = 0; number < count; ++number)
    if (!without.contains(number)) all.insert(all.end(), number);
  return all;
}

TEST_CASE("a topic with times of its own: frames of years ago arrive, with the time of now") {
  constexpr std::size_t kRecords = 20'000;
  auto& kafka = shared_cluster();
  kafka.create_topic(
      "append-time", kPartitions,
      {{"message.timestamp.type", "LogAppendTime"}, {"message.timestamp.before.max.ms", "60000"}});
  const TempDir folder("append-time");
  const auto buffer = folder.file("buffer");
  write_file(buffer, "");
  const auto begin = now_ms();
  append(buffer, Times(kRecords, begin - 5 * kYearMs));
  const auto once =
      run_once({.buffer = buffer, .brokers = kafka.bootstrap(), .topic = "append-time"});
  INFO(once.err);
  CHECK(once.exit.code == 0);
  const auto account = settle("append-time", numbers(kRecords));
  std::cout << "LogAppendTime: " << account << "\n";
  CHECK(account.lost == 0);
  CHECK(account.twice == 0);
  CHECK(account.invented == 0);
  CHECK(account.disordered == 0);
  const auto of_now = std::count_if(
      account.arrivals.begin(), account.arrivals.end(),
      [&](const Arrival& it) { return it.time_ms >= begin && it.time_ms <= now_ms(); });
  CHECK(of_now == kRecords);
}

struct Limit {
  std::string name;
  std::int64_t refused_ms = 0;  // from now
};

std::vector<Limit> limits() {
  std::vector<Limit> all = {{"message.timestamp.before.max.ms", -5 * kYearMs},
                            {"message.timestamp.after.max.ms", 5 * kYearMs}};
  // Both at once, until 3.9.
  if (KafkaCluster::default_version().starts_with("3.")) {
    all.push_back({"message.timestamp.difference.max.ms", -5 * kYearMs});
    all.push_back({"message.timestamp.difference.max.ms", 5 * kYearMs});
  }
  return all;
}

TEST_CASE("records that claim another time than a topic allows are set aside, the others arrive") {
  constexpr std::size_t kRecords = 20'000;
  const std::set<std::size_t> refused = {0, 1, 777, 9'000, 9'002, 15'000, kRecords - 1};
  auto& kafka = shared_cluster();
  for (const auto& limit : limits()) {
    const auto topic = limit.name + (limit.refused_ms < 0 ? ".old" : ".new");
    INFO(topic);
    kafka.create_topic(topic, kPartitions, {{limit.name, "3600000"}});
    const TempDir folder("times");
    const auto buffer = folder.file("buffer");
    const RunSetup setup{.buffer = buffer, .brokers = kafka.bootstrap(), .topic = topic};
    Times times(kRecords, now_ms());
    for (const auto number : refused)
      times[number] += limit.refused_ms;
    write_file(buffer, "");
    append(buffer, times);
    const auto once = run_once(setup);
    INFO(once.err);
    CHECK(once.exit.code == 65);
    const auto good = settle(topic, numbers(kRecords, refused));
    std::cout << topic << ": " << good << "\n";
    CHECK(good.lost == 0);
    CHECK(good.twice == 0);
    CHECK(good.invented == 0);
    CHECK(good.disordered == 0);
    const auto kept = inspect(buffer + ".quarantine");
    CHECK(kept.waiting_records == refused.size());
    CHECK(kept.text.find("\"error\": \"INVALID_TIMESTAMP\"") != std::string::npos);

    kafka.alter_topic(topic, {{limit.name, kAnyTime}});
    CHECK(run(punchline({"requeue", buffer + ".quarantine"})).exit.code == 0);
    CHECK(run_once(setup).exit.code == 0);
    const auto all = settle(topic, numbers(kRecords));
    CHECK(all.lost == 0);
    CHECK(all.twice == 0);
    CHECK(all.invented == 0);
    const auto as_claimed =
        std::count_if(all.arrivals.begin(), all.arrivals.end(),
                      [&](const Arrival& it) { return it.time_ms == times[it.number]; });
    CHECK(as_claimed == kRecords);
  }
}

TEST_CASE("a block of records from a clock that is ahead holds up nothing, through kill -9 too") {
  constexpr std::size_t kAhead = 1'000;
  constexpr std::size_t kRecords = 3'000;
  constexpr int kKills = 3;
  auto& kafka = shared_cluster();
  kafka.create_topic("ahead", kPartitions, {{"message.timestamp.after.max.ms", "3600000"}});
  const TempDir folder("ahead");
  const auto buffer = folder.file("buffer");
  write_file(buffer, "");
  const RunSetup setup{.buffer = buffer, .brokers = kafka.bootstrap(), .topic = "ahead"};
  Times times(kRecords, now_ms());
  std::set<std::size_t> refused;
  for (std::size_t number = 0; number < kAhead; ++number) {
    times[number] += kYearMs;
    refused.insert(refused.end(), number);
  }
  append(buffer, times);
  for (int kill = 0; kill < kKills; ++kill) {
    Agent agent(setup);
    REQUIRE(eventually(seconds(60), [&] {
      return agent.metric("punchline_kafka_errors_total", "INVALID_TIMESTAMP") >= 100;
    }));
    agent.kill9();
  }
  const auto once = run_once(setup);
  INFO(once.err);
  CHECK(once.exit.code == 65);
  const auto account = settle("ahead", numbers(kRecords, refused));
  std::cout << "ahead: " << account << "\n";
  CHECK(account.lost == 0);  // some may be there twice: the agent was killed
  CHECK(account.invented == 0);
  CHECK(account.disordered == 0);
  CHECK(inspect(buffer + ".quarantine").waiting_records >= kAhead);
}

/// Those that were refused for the time they claimed have that of their sending, and theirs in a
/// header; the others have what they claimed.
void check_retimed(const Account& account, const Times& times,
                   const std::set<std::size_t>& refused, std::int64_t begin) {
  const auto wrong = std::ranges::count_if(account.arrivals, [&](const Arrival& it) {
    if (!refused.contains(it.number)) return it.time_ms != times[it.number] || it.header_ms != -1;
    return it.time_ms < begin || it.time_ms > now_ms() || it.header_ms != times[it.number];
  });
  CHECK(wrong == 0);
}

TEST_CASE("now_if_refused: such records arrive in order, with the time of now, through kill -9") {
  constexpr std::size_t kRecords = 3'000;
  constexpr int kKills = 2;
  auto& kafka = shared_cluster();
  for (const auto& limit : limits()) {
    const auto topic = "now-if-" + limit.name + (limit.refused_ms < 0 ? ".old" : ".new");
    INFO(topic);
    kafka.create_topic(topic, kPartitions, {{limit.name, "3600000"}});
    const TempDir folder("retimed");
    const auto buffer = folder.file("buffer");
    const RunSetup setup{.buffer = buffer,
                         .brokers = kafka.bootstrap(),
                         .topic = topic,
                         .before = {"env", "PUNCHLINE_TIMESTAMPS=now_if_refused"}};
    const auto begin = now_ms();
    Times times(kRecords, begin);
    std::set<std::size_t> refused = {kRecords - 1};
    for (std::size_t number = 0; number < 120; ++number)
      refused.insert(number < 100 ? number : 20 * number);
    for (const auto number : refused)
      times[number] += limit.refused_ms;
    write_file(buffer, "");
    append(buffer, times);
    for (int kill = 0; kill < kKills; ++kill) {
      Agent agent(setup);
      REQUIRE(eventually(seconds(60), [&] {
        return agent.metric("punchline_retimed_records_total") >= 20;
      }));
      CHECK(agent.logs("refuses the time of the record at position"));
      agent.kill9();
    }
    const auto once = run_once(setup);
    INFO(once.err);
    CHECK(once.exit.code == 0);
    const auto account = settle(topic, numbers(kRecords));
    std::cout << topic << ": " << account << "\n";
    CHECK(account.lost == 0);  // some may be there twice: the agent was killed
    CHECK(account.invented == 0);
    CHECK(account.disordered == 0);
    check_retimed(account, times, refused, begin);
    CHECK_FALSE(std::filesystem::exists(buffer + ".quarantine"));
  }
}

TEST_CASE("a topic that allows none of the times: a fault of its settings, records wait for them") {
  constexpr std::size_t kRecords = 2'000;
  auto& kafka = shared_cluster();
  kafka.create_topic("all-old", kPartitions, {{"message.timestamp.before.max.ms", "3600000"}});
  const TempDir folder("all-old");
  const auto buffer = folder.file("buffer");
  write_file(buffer, "");
  append(buffer, Times(kRecords, now_ms() - kYearMs));
  Agent agent({.buffer = buffer, .brokers = kafka.bootstrap(), .topic = "all-old"});
  REQUIRE(agent.logs("taken for a fault of its settings", seconds(60)));
  CHECK(agent.metric("punchline_set_aside_records", "refused") == 0);
  CHECK(agent.metric("punchline_records_confirmed_total") == 0);
  kafka.alter_topic("all-old", {{"message.timestamp.before.max.ms", kAnyTime}});
  REQUIRE(agent.drains(seconds(60)));
  CHECK(agent.stop().code == 0);
  const auto account = settle("all-old", numbers(kRecords));
  std::cout << "all too old: " << account << "\n";
  CHECK(account.lost == 0);
  CHECK(account.twice == 0);
  CHECK(account.invented == 0);
  CHECK(account.disordered == 0);
}

}  // namespace
}  // namespace punchline::testing
