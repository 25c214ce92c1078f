#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <memory>
#include <optional>
#include <random>
#include <string>
#include <vector>

#include "tests/support/account.h"
#include "tests/support/kafka_cluster.h"
#include "tests/support/log_corpus.h"
#include "tests/support/producer.h"
#include "tests/support/program.h"
#include "tests/support/proxy.h"
#include "tests/support/temp_dir.h"
#include "tests/support/victim.h"

namespace punchline::testing {

/// What one buffer came to.
struct SoakAccount {
  Account lines;
  std::uint64_t poison = 0;           ///< Records appended that the topic refuses.
  std::uint64_t poison_missing = 0;   ///< Of these, not in the quarantine.
  std::uint64_t poison_twice = 0;     ///< Of these, there once more.
  std::uint64_t torn_kept = 0;        ///< In the quarantine, since a producer was killed.
  std::uint64_t others_kept = 0;      ///< In the quarantine, and nothing of these.
  std::uint64_t torn = 0;             ///< Kills that met a producer in mid-record.
  std::uint64_t duplicates_max = 0;   ///< What was in flight whenever something was lost.
  std::uint64_t waiting_records = 0;  ///< In the buffer, after the end.
  int verified = 0;                   ///< Exit code of `punchline verify`.
};

/// One agent with three buffers (lines; frames with keys; lines in relaxed order), three brokers
/// that it reaches through a proxy, and producers that append all the time.
///
/// Its verbs hold Catch2's assertions. What happens, and the agent's log, is kept in a folder that
/// stays unless close() finds all well.
class SoakScene {
 public:
  struct Buffer {
    std::string name;  ///< Of the topic, too.
    std::string path = {};
    std::int32_t partitions = 0;
    bool is_frames = false;
    bool is_relaxed = false;
    std::vector<std::string> poison = {};  ///< What was appended of it.
    std::uint64_t duplicates_max = 0;      ///< So far.
    std::vector<std::size_t> victims = {};
    std::vector<std::size_t> producers = {};
  };

  /// Poison is what is larger than this, which producers' lines never are.
  static constexpr std::uint64_t kMessageBytesMax = 200'000;
  static constexpr std::int32_t kPartitionsMax = 8;

  SoakScene();
  ~SoakScene();
  SoakScene(const SoakScene&) = delete;
  SoakScene& operator=(const SoakScene&) = delete;

  KafkaCluster& kafka() { return kafka_; }
  Proxy& proxy() { return proxy_; }
  const std::vector<Buffer>& buffers() const { return buffers_; }

  void kill_agent();
  void stop_agent();  ///< SIGTERM, to which it has to answer with 0.
  void start_agent();
  void freeze_agent();
  void thaw_agent();
  void reload_agent();  ///< SIGHUP.

  void append_poison(std::size_t buffer);
  void kill_producer(std::mt19937_64& random);
  void add_partition(std::size_t buffer);
  void alter_topics(const TopicConfig& changes);
  void limit_clients(std::uint64_t bytes_per_second);

  /// Lets time go by, and looks whether the agent lives within its bounds.
  void wait(std::chrono::milliseconds time);
  /// All that is appended by now gets through, whatever else is appended.
  void goes_on();
  /// One line for whoever follows.
  void tell(const std::string& text);
  std::chrono::duration<double> elapsed() const { return Clock::now() - begin_; }
  int lives() const { return lives_; }  ///< Of the agent.

  /// Ends producers and agent, and looks at everything, byte for byte.
  std::vector<SoakAccount> close();
  /// All was well: what was kept may go.
  void forget() { keep_ = false; }

  std::string bounds_text() const;

 private:
  void start_producers();
  void write_config() const;
  void watch();
  double figure(const Buffer& buffer, const std::string& name);
  bool is_drained();
  std::uint64_t end_position(const Buffer& buffer);
  template <class End>
  void end_life(End end);
  SoakAccount account_of(const Buffer& buffer, const TempDir& folder);
  void look_into_quarantine(const Buffer& buffer, SoakAccount& account) const;
  std::uint64_t clients_lost();
  std::uint64_t sent_again_max(const Buffer& buffer);
  static std::uint64_t taken_up_again_max(const Buffer& buffer, std::uint64_t undone);

  const std::filesystem::path diary_folder_;
  std::ofstream diary_;
  bool keep_ = true;
  const Clock::time_point begin_ = Clock::now();
  const TempDir folder_{"soak"};
  const LogCorpus corpus_ = LogCorpus::committed();
  KafkaCluster kafka_;
  Proxy proxy_;
  std::vector<Buffer> buffers_;

  std::optional<Agent> agent_;
  bool is_frozen_ = false;
  int lives_ = 0;
  std::uint64_t clients_lost_ = 0;
  std::uint64_t rss_bytes_max_ = 0;
  std::size_t descriptors_max_ = 0;

  // By number, which is what a line begins with: one of the two each.
  std::vector<std::unique_ptr<Producer>> producers_;
  std::vector<std::unique_ptr<Victim>> victims_;
  std::vector<Written> written_;  // once they have ended
};

}  // namespace punchline::testing
