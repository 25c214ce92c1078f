#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "tests/support/account.h"
#include "tests/support/kafka_cluster.h"
#include "tests/support/log_corpus.h"
#include "tests/support/producer.h"
#include "tests/support/program.h"
#include "tests/support/temp_dir.h"

namespace punchline::testing {

constexpr std::uint64_t kLinesPerSecond = 5'000;  // what a scene's producers append
constexpr std::chrono::seconds kPatience{90};

// What one lane may have in the client is 1.25 requests, and at most four more while it runs fast
// (LaneWindow, W2); a request holds batch.num.messages records, here few of them.
constexpr std::uint64_t kRequestRecords = 1'000;
constexpr std::uint64_t lane_records_max(std::uint64_t lanes) {
  return lanes * (kRequestRecords + kRequestRecords / 4 + 4 * kRequestRecords);
}

/// An agent with its buffer, its topic and those who append, of whom each event has one of its own.
/// Its verbs hold Catch2's assertions.
class Scene {
 public:
  struct Setup {
    std::string topic;
    std::int32_t partitions = 1;
    std::string brokers = {};              ///< Empty: the cluster's own.
    std::vector<std::string> before = {};  ///< A command that runs the agent.
    bool topic_is_there = true;            ///< false: whoever tells the story creates it.
    std::uint64_t lines_per_second = kLinesPerSecond;
  };

  Scene(KafkaCluster& kafka, const Setup& setup);

  void start_agent() { agent_.emplace(setup_); }
  Agent& agent() { return *agent_; }
  const std::string& topic() const { return topic_; }
  const std::string& buffer() const { return setup_.buffer; }
  const LogCorpus& corpus() const { return corpus_; }
  const TempDir& folder() const { return folder_; }

  double confirmed() { return agent_->metric("punchline_records_confirmed_total"); }
  /// Lines that are appended and not confirmed.
  double behind();
  std::uint64_t arrived() const { return static_cast<std::uint64_t>(kafka_.record_count(topic_)); }

  /// All that is appended by now gets through, whatever else is appended.
  void goes_on();
  void wait_for_lines(std::uint64_t more) const;

  /// `event` while somebody appends; then all of it arrives. At most `twice_max` records more than
  /// before are there twice.
  void during(const std::string& name, std::uint64_t twice_max,
              const std::function<void(Scene&)>& event);

  /// Looks at everything, byte for byte.
  void close();

  void have_partitions(std::int32_t count);

 private:
  KafkaCluster& kafka_;
  const std::string topic_;
  std::int32_t partitions_;
  const std::uint64_t lines_per_second_;
  const TempDir folder_;
  const LogCorpus corpus_ = LogCorpus::committed();
  RunSetup setup_;
  std::optional<Agent> agent_;
  std::optional<Producer> producer_;
  std::vector<std::vector<std::uint64_t>> offsets_;
  std::uint64_t appended_ = 0;
  std::uint64_t twice_ = 0;  // records there beyond those appended
  std::uint64_t twice_max_ = 0;
};

}  // namespace punchline::testing
