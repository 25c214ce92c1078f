// Format frames against real Kafka: what goes in comes out, beside each record too.

#include <filesystem>
#include <fstream>
#include <map>
#include <set>

#include <fcntl.h>

#include "buffer/posix_append_file.h"
#include "tests/support/catch.h"
#include "tests/support/frames.h"
#include "tests/support/kafka_cluster.h"
#include "tests/support/kcat.h"
#include "tests/support/program.h"
#include "tests/support/temp_dir.h"

namespace punchline::testing {
namespace {

using std::chrono::minutes;
using std::chrono::seconds;

constexpr std::uint64_t kRecords = 200'000;
constexpr std::int32_t kPartitions = 4;
constexpr std::int64_t kFirstTimestamp = 1'764'000'000'000;

KafkaCluster& shared_cluster() {
  static KafkaCluster cluster;
  return cluster;
}

struct Beside {
  std::optional<std::string> key;
  std::vector<std::pair<std::string, std::optional<std::string>>> headers;
  std::int64_t timestamp_ms = FrameRecord::kNoTimestamp;
};

// No key, an empty one, text, bytes of any kind.
std::optional<std::string> key_of(std::uint64_t number) {
  if (number % 10 == 0) return std::nullopt;
  if (number % 10 == 1) return "";
  if (number % 10 < 8) return "user-" + std::to_string(number % 1'000);
  std::string bytes(1 + number % 13, '\0');
  for (std::size_t i = 0; i < bytes.size(); ++i)
    bytes[i] = static_cast<char>((number % 97) * (i + 1) * 41);
  return bytes;
}

Beside beside(std::uint64_t number) {
  Beside all;
  all.key = key_of(number);
  if (number % 3 == 0) all.headers = {{"number", std::to_string(number)}};
  if (number % 3 == 1)
    all.headers = {{"a", "b"}, {"none", std::nullopt}, {"empty", ""}, {"a", "c"}};
  if (number % 7 != 0) all.timestamp_ms = kFirstTimestamp + static_cast<std::int64_t>(number);
  return all;
}

// "17 " and bytes of all kinds; some records are empty but for their number, one is large.
std::string payload_of(std::uint64_t number) {
  auto payload = std::to_string(number) + " ";
  const auto more = number == 1234 ? 900'000 : number * 31 % 160;
  for (std::uint64_t i = 0; i < more; ++i)
    payload.push_back(static_cast<char>(number * 7 + i));
  return payload;
}

void append(const std::string& buffer, std::uint64_t first, std::uint64_t end) {
  auto writer = open_append_writer(buffer, Format::frames);
  REQUIRE(writer.ok());
  for (auto number = first; number < end; ++number) {
    const auto payload = payload_of(number);
    const auto all = beside(number);
    FrameRecord record;
    record.payload = payload;
    if (all.key) record.key = *all.key;
    for (const auto& [name, value] : all.headers)
      record.headers.push_back({name, value});
    record.timestamp_ms = all.timestamp_ms;
    REQUIRE((*writer)->add(record).ok());
  }
  REQUIRE((*writer)->flush().ok());
}

// As kcat words it, with the timestamp cut off where the broker's client chose it.
std::string as_read(std::uint64_t number) {
  const auto all = beside(number);
  const auto payload = payload_of(number);
  std::string text = all.timestamp_ms < 0 ? "" : std::to_string(all.timestamp_ms);
  text += " " + (all.key ? std::to_string(all.key->size()) : "-1") + " ";
  text += std::to_string(payload.size()) + " " + all.key.value_or("") + "|" + payload + "|";
  for (std::size_t i = 0; i < all.headers.size(); ++i) {
    text +=
        (i > 0 ? "," : "") + all.headers[i].first + "=" + all.headers[i].second.value_or("NULL");
  }
  return text;
}

// One record off what read_topic_whole() wrote.
std::string take_record(std::string_view& text) {
  char* end = nullptr;
  std::strtoll(text.data(), &end, 10);
  const auto key_bytes = std::strtoll(end, &end, 10);
  const auto payload_bytes = std::strtoll(end, &end, 10);
  const auto fixed = static_cast<std::size_t>(end - text.data()) + 1 +
                     static_cast<std::size_t>(std::max(0LL, key_bytes) + 1 + payload_bytes + 1);
  const auto size = text.find('\n', fixed);
  REQUIRE(size < text.size());
  const std::string record(text.substr(0, size));
  text.remove_prefix(size + 1);
  return record;
}

std::uint64_t number_of(const std::string& record) {
  char* at = nullptr;
  std::strtoll(record.data(), &at, 10);
  const auto key_bytes = std::strtoll(at, &at, 10);
  std::strtoll(at, &at, 10);
  return std::strtoull(at + 1 + std::max(0LL, key_bytes) + 1, nullptr, 10);
}

// What arrived, told off against what was appended.
class Arrivals {
 public:
  explicit Arrivals(const KafkaCluster& kafka) : partition_of_(kRecords, -1) {
    std::vector<std::string> keys;
    for (std::uint64_t number = 0; number < kRecords; ++number)
      if (auto key = key_of(number)) keys.push_back(std::move(*key));
    std::sort(keys.begin(), keys.end());
    keys.erase(std::unique(keys.begin(), keys.end()), keys.end());
    const auto chosen = kafka.java_partitions(keys, kPartitions);
    REQUIRE(chosen.size() == keys.size());
    for (std::size_t i = 0; i < keys.size(); ++i)
      java_[keys[i]] = chosen[i];
  }

  void take(std::int32_t partition, const std::string& file) {
    std::string_view text(file);
    std::uint64_t last = 0;
    while (!text.empty()) {
      const auto record = take_record(text);
      const auto number = number_of(record);
      REQUIRE(number < kRecords);
      check_bytes(number, record);
      const auto key = key_of(number);
      if (key) misplaced_ += java_.at(*key) == partition ? 0 : 1;
      auto& seen = partition_of_[number];
      if (seen >= 0) {
        ++duplicates_;
        misplaced_ += seen == partition ? 0 : 1;
        continue;
      }
      seen = partition;
      disordered_ += number >= last ? 0 : 1;
      last = number;
    }
  }

  /// `missing`: what is not to have arrived.
  void check(std::uint64_t end, const std::set<std::uint64_t>& missing) const {
    std::vector<std::uint64_t> lost;
    std::vector<std::uint64_t> invented;
    for (std::uint64_t number = 0; number < end; ++number) {
      const bool arrived = partition_of_[number] >= 0;
      const bool wanted = missing.count(number) == 0;
      if (wanted && !arrived) lost.push_back(number);
      if (arrived && !wanted) invented.push_back(number);
    }
    CHECK(lost == std::vector<std::uint64_t>{});
    CHECK(invented == std::vector<std::uint64_t>{});
    CHECK(changed_ == 0);
    CHECK(misplaced_ == 0);
    CHECK(disordered_ == 0);
    WARN(java_.size() << " keys, " << duplicates_ << " duplicates");
  }

 private:
  void check_bytes(std::uint64_t number, std::string record) {
    if (beside(number).timestamp_ms < 0) record.erase(0, record.find(' '));
    if (record == as_read(number)) return;
    if (++changed_ <= 3) UNSCOPED_INFO("record " << number << " reads: " << record.substr(0, 200));
  }

  std::map<std::string, std::int32_t> java_;
  std::vector<std::int32_t> partition_of_;
  std::uint64_t changed_ = 0;
  std::uint64_t misplaced_ = 0;
  std::uint64_t disordered_ = 0;
  std::uint64_t duplicates_ = 0;
};

void check_topic(const std::string& topic, std::uint64_t end,
                 const std::set<std::uint64_t>& missing) {
  const TempDir folder("read");
  const auto& kafka = shared_cluster();
  Arrivals arrivals(kafka);
  const auto files = read_topic_whole(kafka.bootstrap(), topic, kPartitions, folder.path());
  for (std::int32_t partition = 0; partition < kPartitions; ++partition)
    arrivals.take(partition, read_file(files[static_cast<std::size_t>(partition)]));
  arrivals.check(end, missing);
}

}  // namespace

TEST_CASE(
    "frames arrive with key, headers and time, where Java would put them, through two kills") {
  auto& kafka = shared_cluster();
  kafka.create_topic("frames", kPartitions);
  const TempDir folder("frames");
  const auto buffer = folder.file("buffer");
  const RunSetup setup{.buffer = buffer, .brokers = kafka.bootstrap(), .topic = "frames"};
  const auto confirmed = [](Agent& agent, double records) {
    return eventually(seconds(60),
                      [&] { return agent.metric("punchline_records_confirmed_total") >= records; });
  };
  write_file(buffer, "");
  append(buffer, 0, 80'000);
  {
    Agent agent(setup);
    REQUIRE(confirmed(agent, 5'000));
    agent.kill9();
  }
  append(buffer, 80'000, 140'000);
  {
    Agent agent(setup);
    REQUIRE(confirmed(agent, 5'000));
    append(buffer, 140'000, kRecords);
    agent.kill9();
  }
  Agent agent(setup);
  REQUIRE(agent.drains());
  CHECK(agent.stop().code == 0);
  CHECK(allocated_bytes(buffer) <= 64 * 1024);
  check_topic("frames", kRecords, {});
}

TEST_CASE("damage, torn writers, new boots and a copy: all that is sound arrives, nothing else") {
  auto& kafka = shared_cluster();
  kafka.create_topic("damage", kPartitions);
  kafka.create_topic("copy", kPartitions);
  const TempDir folder("damage");
  const auto buffer = folder.file("buffer");
  const RunSetup setup{
      .buffer = buffer, .brokers = kafka.bootstrap(), .topic = "damage", .more = {"--fence"}};
  write_file(buffer, "");
  append(buffer, 0, 1'000);
  const auto torn = read_file(buffer).substr(0, 50);
  for (std::uint64_t number = 1'000; number < 1'200; number += 10) {
    std::ofstream(buffer, std::ios::app) << torn;
    append(buffer, number, number + 10);
  }
  // The first frame, and by their position some others: which ones the scanner says.
  for (const std::uint64_t at : {40, 50'000, 90'000})
    REQUIRE(Descriptor::open(buffer, O_WRONLY)->write_at(Offset(at), std::string("damage")).ok());
  std::set<std::uint64_t> sound;
  for (const auto& payload : read_frames(**PosixFile::open(buffer)).payloads())
    sound.insert(std::stoull(payload));
  std::set<std::uint64_t> missing;
  for (std::uint64_t number = 0; number < 1'200; ++number)
    if (sound.count(number) == 0) missing.insert(missing.end(), number);
  CHECK(missing.size() == 3);
  const auto copy = folder.file("copy");
  std::filesystem::copy_file(buffer, copy);

  const auto forward = [](const RunSetup& of) {
    const auto first = run_once(of);
    CHECK(first.exit.code == 65);
    append(of.buffer, 1'200, 1'300);
    const auto second = run_once(of);
    CHECK(second.exit.code == 0);  // what was set aside is in the quarantine by now
    return first.err + second.err;
  };
  const auto said = forward(setup);
  INFO(said);
  check_topic("damage", 1'300, missing);
  CHECK(inspect(buffer + ".quarantine").waiting_records == 3 + 20);
  auto copied = setup;
  copied.buffer = copy;
  copied.topic = "copy";
  const auto said_of_copy = forward(copied);
  INFO(said_of_copy);
  check_topic("copy", 1'300, missing);
}

}  // namespace punchline::testing
