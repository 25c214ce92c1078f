#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace punchline {

/// The settings of a topic that matter for our records, as the cluster reports them.
struct TopicSettings {
  std::int32_t replicas = 0;             ///< Of the partition that has the fewest.
  std::int32_t min_insync_replicas = 1;  ///< How many must have a record before acks=all is met.
  std::uint64_t max_message_bytes = 0;   ///< Of one batch; 0: not known.
  std::string cleanup_policy;            ///< "delete", "compact", "compact,delete".
};

/// The settings of a cluster that matter before the first record, as a broker reports them.
struct ClusterSettings {
  /// inter.broker.protocol.version, such as "3.9-IV0"; empty if brokers do not report it.
  std::string version;
  bool creates_topics = false;      ///< auto.create.topics.enable
  std::int32_t new_partitions = 0;  ///< num.partitions: of a topic that is created automatically.
};

/// What we would send to a topic.
struct TopicUse {
  std::uint64_t record_bytes_max = 0;  ///< The largest payload, with the configured headers.
  bool keyless = false;                ///< No setting gives records keys.
};

/// One thing about a topic that an operator should know or change.
struct TopicAdvice {
  enum class Kind : std::uint8_t {
    good,
    note,  ///< Works, but not as well as it could.
    bad,   ///< The topic takes nothing.
  };
  Kind kind = Kind::good;
  std::string text;
};

/// Judges how the settings fit the use: first what they are, then what to change. Pure.
std::vector<TopicAdvice> judge_topic(const std::string& name, const TopicSettings& settings,
                                     const TopicUse& use);

/// Judges what happens to a topic that does not exist. `cluster`: nullptr if its settings cannot be
/// seen. `may_ask`: our client lets brokers create the topic (allow.auto.create.topics). Pure.
TopicAdvice judge_missing(const std::string& name, const ClusterSettings* cluster, bool may_ask);

}  // namespace punchline
