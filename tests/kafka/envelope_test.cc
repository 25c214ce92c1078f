// Keys that are found in lines, headers by configuration, and what a consumer can tell duplicates
// by.

#include <fstream>
#include <map>
#include <set>
#include <sstream>

#include "tests/support/catch.h"
#include "tests/support/eventually.h"
#include "tests/support/kafka_cluster.h"
#include "tests/support/kcat.h"
#include "tests/support/program.h"
#include "tests/support/temp_dir.h"

namespace punchline::testing {
namespace {

using std::chrono::seconds;

constexpr int kRecords = 30'000;
constexpr std::int32_t kPartitions = 4;

std::string user(int number) {
  return "user \"" + std::to_string(number % 97) + "\"";
}

// One in ten has no user.
bool has_key(int number) {
  return number % 10 != 3;
}

std::string json_line(int number) {
  const auto id = std::to_string(number);
  if (!has_key(number)) return R"({"n": )" + id + "}";
  return R"({"n": )" + id + R"(, "user": {"id": "user \")" + std::to_string(number % 97) +
         R"(\""}})";
}

void append(const std::string& buffer, int from, int to) {
  std::ofstream out(buffer, std::ios::binary | std::ios::app);
  for (int number = from; number < to; ++number)
    out << json_line(number) << "\n";
}

// "key|payload|name=value,..." as read_topic_whole() words it, without the numbers before.
struct Arrived {
  std::int32_t partition = 0;
  bool has_key = false;
  std::string key;
  std::string payload;
  std::map<std::string, std::string> headers;

  int number() const { return std::stoi(payload.substr(6)); }
};

Arrived parse(std::int32_t partition, const std::string& text) {
  std::istringstream in(text);
  long long timestamp = 0;
  long long key_bytes = 0;
  long long payload_bytes = 0;
  in >> timestamp >> key_bytes >> payload_bytes;
  in.get();
  Arrived record;
  record.partition = partition;
  record.has_key = key_bytes >= 0;
  record.key.resize(static_cast<std::size_t>(std::max(0LL, key_bytes)));
  in.read(record.key.data(), static_cast<std::streamsize>(record.key.size()));
  in.get();
  record.payload.resize(static_cast<std::size_t>(payload_bytes));
  in.read(record.payload.data(), payload_bytes);
  in.get();
  for (std::string header; std::getline(in, header, ',');) {
    const auto equals = header.find('=');
    REQUIRE(equals != header.npos);
    record.headers[header.substr(0, equals)] = header.substr(equals + 1);
  }
  return record;
}

std::vector<Arrived> read_all(const KafkaCluster& kafka, const std::string& topic,
                              std::int32_t partitions, const TempDir& folder) {
  std::vector<Arrived> records;
  const auto files = read_topic_whole(kafka.bootstrap(), topic, partitions, folder.path());
  for (std::int32_t partition = 0; partition < partitions; ++partition) {
    std::ifstream in(files[static_cast<std::size_t>(partition)], std::ios::binary);
    for (std::string text; std::getline(in, text);)
      records.push_back(parse(partition, text));
  }
  return records;
}

TEST_CASE(
    "keys out of JSON, headers with variables; a consumer drops the duplicates of two kills") {
  KafkaCluster kafka;
  kafka.create_topic("users-eu", kPartitions);
  const TempDir folder("envelope");
  const auto buffer = folder.file("buffer");
  write_file(folder.file("config.json"), R"({"buffers": [{
      "path": ")" + buffer + R"(", "topic": "users-${PUNCHLINE_TEST_REGION}",
      "key_json": "/user/id", "headers": {"region": "${PUNCHLINE_TEST_REGION}", "app": "shop"},
      "provenance": true}],
    "kafka": {"bootstrap.servers": ")" + kafka.bootstrap() +
                                             R"("},
    "http": {"listen": "127.0.0.1:0"}})");
  const auto start = [&] {
    auto command = punchline({"run", "-c", folder.file("config.json")});
    command.environment = {"PUNCHLINE_TEST_REGION=eu"};
    return Agent(buffer, command);
  };
  append(buffer, 0, kRecords / 2);
  for (int kill = 0; kill < 2; ++kill) {
    auto agent = start();
    REQUIRE(eventually(seconds(60),
                       [&] { return agent.metric("punchline_records_confirmed_total") >= 3'000; }));
    if (kill == 0) append(buffer, kRecords / 2, kRecords);
    agent.kill9();
  }
  auto agent = start();
  REQUIRE(agent.drains());
  CHECK(agent.metric("punchline_keyless_records_total") > 0);
  CHECK(agent.stop().code == 0);

  std::map<std::string, std::int32_t> java;
  std::vector<std::string> keys;
  for (int number = 0; number < 97; ++number)
    keys.push_back(user(number));
  const auto chosen = kafka.java_partitions(keys, kPartitions);
  for (std::size_t i = 0; i < keys.size(); ++i)
    java[keys[i]] = chosen[i];

  std::set<std::string> seen;  // what such a consumer has to remember
  std::set<int> numbers;
  std::map<std::string, int> last_of_key;
  std::size_t duplicates = 0;
  for (const auto& record : read_all(kafka, "users-eu", kPartitions, folder)) {
    INFO(record.payload);
    REQUIRE(record.headers.size() == 6);
    CHECK(record.headers.at("region") == "eu");
    CHECK(record.headers.at("app") == "shop");
    const auto number = record.number();
    REQUIRE(record.payload == json_line(number));
    REQUIRE(record.has_key == has_key(number));
    if (has_key(number)) {
      CHECK(record.key == user(number));
      CHECK(record.partition == java.at(record.key));
    }
    const auto identity = record.headers.at("punchline.buffer") + " " +
                          record.headers.at("punchline.position") + " " +
                          record.headers.at("punchline.crc32c");
    if (!seen.insert(identity).second) {
      ++duplicates;
      continue;
    }
    CHECK(numbers.insert(number).second);
    if (!has_key(number)) continue;
    const auto last = last_of_key.find(record.key);
    CHECK((last == last_of_key.end() || last->second < number));
    last_of_key[record.key] = number;
  }
  CHECK(numbers.size() == kRecords);
  WARN(duplicates << " duplicates dropped");
}

TEST_CASE("keys by column and by constant") {
  KafkaCluster kafka;
  const TempDir folder("envelope");
  const auto once = [&](const std::string& topic, const std::string& lines,
                        const std::vector<std::string>& environment) {
    kafka.create_topic(topic, 1);
    const auto buffer = folder.file(topic);
    write_file(buffer, lines);
    auto command = punchline({"run", "-b", buffer, "--topic", topic, "--brokers", kafka.bootstrap(),
                              "--once", "--timeout", "60"});
    command.environment = environment;
    const auto done = run(command, seconds(70));
    INFO(done.err);
    CHECK(done.exit.code == 0);
    std::string keys;
    for (const auto& record : read_all(kafka, topic, 1, folder)) {
      CHECK(record.headers.empty());
      keys += (record.has_key ? record.key : "none") + "|";
    }
    return keys;
  };
  CHECK(once("tabs", "a\tb\tc\na\t\tc\nonly\n\tx\n", {"PUNCHLINE_KEY_COLUMN=2"}) == "b||none|x|");
  CHECK(once("spaces", "a b\nc\n", {"PUNCHLINE_KEY_COLUMN=1", "PUNCHLINE_KEY_SEPARATOR= "}) ==
        "a|c|");
  CHECK(once("constant", "a\nb\n", {"PUNCHLINE_KEY_CONSTANT=k"}) == "k|k|");
}

}  // namespace
}  // namespace punchline::testing
