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

TEST_CASE("behind a refused record nothing of its partition is delivered before it") {
  KafkaCluster kafka;
  // Kafka's limit is for a batch as it arrives, so batches are kept smaller than it.
  kafka.create_topic("t", 2, {{"max.message.bytes", "40000"}});
  const TempDir folder("order");
  const auto buffer = folder.file("buffer");
  const auto corpus = LogCorpus::from_machine();
  const auto written = write_buffer(corpus, buffer);
  Agent agent({.buffer = buffer,
               .brokers = kafka.bootstrap(),
               .topic = "t",
               .more = {"-X", "batch.size=16384"}});

  // Refused several times: had anything been able to slip by, it would have by now.
  INFO(agent.log());
  REQUIRE(eventually(seconds(60), [&] {
    return agent.metric("punchline_kafka_errors_total", "MSG_SIZE_TOO_LARGE") >= 4;
  }));
  std::size_t held = 0;
  for (const auto& file : read_topic(kafka.bootstrap(), "t", 2, folder.path())) {
    const auto offsets = offsets_read(file, written);
    CHECK(std::is_sorted(offsets.begin(), offsets.end()));
    REQUIRE(!offsets.empty());
    CHECK(std::count(offsets.begin(), offsets.end(), written.large_offset) == 0);
    if (offsets.back() < written.large_offset) ++held;
  }
  CHECK(held == 1);  // the other partition has gone on

  kafka.alter_topic("t", {{"max.message.bytes", "1000000"}});
  REQUIRE(agent.drains());
  CHECK(agent.stop().code == 0);
  std::vector<std::uint64_t> all;
  for (const auto& file : read_topic(kafka.bootstrap(), "t", 2, folder.path())) {
    const auto offsets = offsets_read(file, written);
    CHECK(std::is_sorted(offsets.begin(), offsets.end()));
    all.insert(all.end(), offsets.begin(), offsets.end());
  }
  std::sort(all.begin(), all.end());
  CHECK(std::adjacent_find(all.begin(), all.end()) == all.end());
  CHECK(all.size() == kLines + 1);
}

}  // namespace
}  // namespace punchline::testing
