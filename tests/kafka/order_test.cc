#include <fstream>

#include "tests/support/account.h"
#include "tests/support/catch.h"
#include "tests/support/kafka_cluster.h"
#include "tests/support/kcat.h"
#include "tests/support/producer.h"
#include "tests/support/program.h"

namespace punchline::testing {
namespace {

using std::chrono::seconds;

constexpr std::uint32_t kLines = 60'000;
constexpr std::uint64_t kLargeAt = 30'000;  // the line in front of which the large record stands
constexpr std::size_t kLargeBytes = 100'000;

std::string large_record() {
  return "L" + std::string(kLargeBytes - 1, 'x');
}

struct Written {
  std::vector<std::uint64_t> offsets;
  std::uint64_t large_offset = 0;
};

Written write_buffer(const LogCorpus& corpus, const std::string& path) {
  Written written;
  std::string text;
  for (std::uint64_t number = 0; number < kLines; ++number) {
    if (number == kLargeAt) {
      written.large_offset = text.size();
      text += large_record() + "\n";
    }
    written.offsets.push_back(text.size());
    corpus.append_line({0, number}, text);
  }
  write_file(path, text);
  return written;
}

// Where the partition's records stand in the buffer; the large one among them.
std::vector<std::uint64_t> offsets_read(const std::filesystem::path& partition,
                                        const Written& written) {
  std::vector<std::uint64_t> offsets;
  std::ifstream in(partition, std::ios::binary);
  for (std::string line; std::getline(in, line);) {
    const auto id = LogCorpus::parse(line);
    offsets.push_back(id ? written.offsets.at(id->number) : written.large_offset);
    if (!id) CHECK(line == large_record());
  }
  return offsets;
}

// How many records the topic holds, each partition's in the order of the buffer.
std::size_t delivered_in_order(const KafkaCluster& kafka, const Written& written,
                               const TempDir& folder) {
  std::vector<std::uint64_t> all;
  for (const auto& file : read_topic(kafka.bootstrap(), "t", 2, folder.path())) {
    auto offsets = offsets_read(file, written);
    // Given back, the large one stands behind all others, as it does in the buffer then.
    if (!offsets.empty() && offsets.back() == written.large_offset) offsets.pop_back();
    CHECK(std::is_sorted(offsets.begin(), offsets.end()));
    CHECK(std::count(offsets.begin(), offsets.end(), written.large_offset) == 0);
    all.insert(all.end(), offsets.begin(), offsets.end());
  }
  std::sort(all.begin(), all.end());
  CHECK(std::adjacent_find(all.begin(), all.end()) == all.end());
  return all.size();
}

TEST_CASE(
    "a record that Kafka refuses is set aside, the rest arrives in order, and it comes back") {
  KafkaCluster kafka;
  // Kafka's limit is for a batch as it arrives, so batches are kept smaller than it.
  kafka.create_topic("t", 2, {{"max.message.bytes", "40000"}});
  const TempDir folder("order");
  const auto buffer = folder.file("buffer");
  const auto corpus = LogCorpus::committed();
  const auto written = write_buffer(corpus, buffer);
  Agent agent({.buffer = buffer,
               .brokers = kafka.bootstrap(),
               .topic = "t",
               .more = {"-X", "batch.size=16384"}});
  REQUIRE(agent.drains());
  INFO(agent.log());
  CHECK(agent.metric("punchline_set_aside_records", "refused") == 1);
  CHECK(agent.metric("punchline_records_confirmed_total") == kLines);
  CHECK(delivered_in_order(kafka, written, folder) == kLines);

  const auto quarantine = buffer + ".quarantine";
  CHECK(inspect(quarantine).waiting_records == 1);
  const auto kept = read_file(quarantine);
  CHECK(kept.find(large_record()) != std::string::npos);
  CHECK(kept.find("MSG_SIZE_TOO_LARGE") != std::string::npos);

  kafka.alter_topic("t", {{"max.message.bytes", "1000000"}});
  CHECK(run(punchline({"requeue", quarantine})).exit.code == 0);
  REQUIRE(agent.drains());
  CHECK(agent.metric("punchline_records_confirmed_total") == kLines + 1);
  CHECK(agent.stop().code == 0);
  CHECK(delivered_in_order(kafka, written, folder) == kLines);
}

}  // namespace
}  // namespace punchline::testing
