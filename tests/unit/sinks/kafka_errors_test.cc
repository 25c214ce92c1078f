#include <algorithm>
#include <chrono>
#include <cstdint>
#include <string>
#include <unordered_set>
#include <vector>

#include <librdkafka/rdkafka.h>

#include "tests/support/catch.h"
#include "tests/unit/sinks/kafka_fixture.h"
#include "tests/unit/sinks/mini_forwarder.h"

namespace punchline {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr std::int32_t kLastCode = 100;
constexpr std::size_t kBefore = 50;  // records that open the lane's window
constexpr std::size_t kRecords = 300;

struct Code {
  std::int32_t number;
  std::string name;
};

/// All that a broker may answer, as far as this librdkafka has a name for it.
std::vector<Code> codes_of_the_protocol() {
  std::vector<Code> codes;
  for (std::int32_t number = 1; number <= kLastCode; ++number) {
    const std::string name = rd_kafka_err2name(static_cast<rd_kafka_resp_err_t>(number));
    if (name.find('?') == std::string::npos) codes.push_back({number, name});  // "ERR_99?"
  }
  return codes;
}

/// Partition 0 from its beginning to its end: a last record is sent behind it to see that end.
std::vector<std::string> log_of(const testing::FaultyBroker& broker, const std::string& topic,
                                MiniForwarder& forwarder) {
  forwarder.append(1);
  REQUIRE(forwarder.run_until([&] { return forwarder.all_done(); }));
  const auto last = forwarder.expected().back();
  auto reader = KafkaReader::open({{"bootstrap.servers", broker.bootstrap()}}, topic, seconds(10));
  REQUIRE(reader.ok());
  std::vector<std::string> lines;
  const auto deadline = std::chrono::steady_clock::now() + seconds(20);
  while ((lines.empty() || lines.back() != last) && std::chrono::steady_clock::now() < deadline) {
    (*reader)->read(milliseconds(200),
                    [&](const KafkaReader::Record& record) { lines.emplace_back(record.payload); });
  }
  return lines;
}

std::vector<std::string> first_arrivals(const std::vector<std::string>& log) {
  std::unordered_set<std::string> seen;
  std::vector<std::string> firsts;
  for (const auto& line : log) {
    if (seen.insert(line).second) firsts.push_back(line);
  }
  return firsts;
}

/// Where two logs part, in words; "" if nowhere.
std::string difference(const std::vector<std::string>& got, const std::vector<std::string>& want) {
  const auto [at, due] = std::mismatch(got.begin(), got.end(), want.begin(), want.end());
  if (at == got.end() && due == want.end()) return "";
  const auto name = [](auto it, auto end) {
    return it == end ? "the end" : it->substr(0, it->find('.'));
  };
  return "of " + std::to_string(want.size()) + " there are " + std::to_string(got.size()) +
         "; instead of " + name(due, want.end()) + " comes " + name(at, got.end());
}

/// More records, the first requests of which fail.
void append_under_errors(testing::FaultyBroker& broker, MiniForwarder& forwarder, const Code& code,
                         std::size_t times) {
  INFO(times << " times");
  broker.fail_produce(std::vector<std::int32_t>(times, code.number));
  forwarder.append(kRecords);
  REQUIRE(forwarder.run_until([&] { return forwarder.all_done(); }));
}

/// A record counts as done with its report and is not sent again, so one that was called
/// persisted without being there is missing in the end. True if their order could be judged.
bool suffer(testing::FaultyBroker& broker, const Code& code) {
  INFO("code " << code.number << " " << code.name);
  REQUIRE(broker.create_topic(code.name, 1).ok());
  auto sink = open_sink(
      settings_for(broker.bootstrap(),
                   {{"batch.num.messages", "100"}, {"retry.backoff.ms", "5"}, {"linger.ms", "5"}}));
  MiniForwarder forwarder(*sink, code.name);
  forwarder.append(kBefore);
  REQUIRE(forwarder.run_until([&] { return forwarder.all_done(); }));
  append_under_errors(broker, forwarder, code, 1);
  append_under_errors(broker, forwarder, code, 3);

  const auto log = log_of(broker, code.name, forwarder);
  auto arrived = first_arrivals(log);
  auto expected = forwarder.expected();
  // The one exception from strict order: success without offset, which is not believed.
  const bool ordered =
      code.number != RD_KAFKA_RESP_ERR_DUPLICATE_SEQUENCE_NUMBER && !forwarder.mock_may_reorder();
  if (!ordered) {
    std::sort(arrived.begin(), arrived.end());
    std::sort(expected.begin(), expected.end());
  }
  CHECK(difference(arrived, expected) == "");
  // The mock appends nothing of a request that it fails, so nothing has to be there twice.
  CHECK(log.size() == forwarder.expected().size());
  CHECK(forwarder.reports(Outcome::persisted) == forwarder.expected().size());
  CHECK(forwarder.chunks_held_by_sink() == 0);
  return ordered;
}

TEST_CASE("whatever error a broker answers, once or three times: reported is what is in the log",
          "[order]") {
  const auto codes = codes_of_the_protocol();
  REQUIRE(codes.size() > 80);
  auto broker = start_broker();
  const auto ordered = std::count_if(codes.begin(), codes.end(),
                                     [&](const Code& code) { return suffer(*broker, code); });
  INFO(ordered << " of " << codes.size() << " in an order that the mock can judge");
  CHECK(static_cast<std::size_t>(ordered) > codes.size() / 2);
}

}  // namespace
}  // namespace punchline
