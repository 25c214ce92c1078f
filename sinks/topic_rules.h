#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace punchline {

/// What a cluster says of a topic, as far as it matters for what we send.
struct TopicSettings {
  std::int32_t replicas = 0;             ///< Of the partition that has fewest.
  std::int32_t min_insync_replicas = 1;  ///< How many have a record before acks=all is met.
  std::uint64_t max_message_bytes = 0;   ///< Of one batch; 0: not known.
  std::string cleanup_policy;            ///< "delete", "compact", "compact,delete".
};

/// What a broker says of the cluster, as far as it matters before the first record.
struct ClusterSettings {
  /// inter.broker.protocol.version, as "3.9-IV0"; empty where brokers do not say it.
  std::string version;
  bool creates_topics = false;      ///< auto.create.topics.enable
  std::int32_t new_partitions = 0;  ///< num.partitions: of a topic that is made by itself.
};

/// What we would send to it.
struct TopicUse {
  std::uint64_t record_bytes_max = 0;  ///< Largest payload, with the headers that are configured.
  bool keyless = false;                ///< Nothing sees to it that records have keys.
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

/// How the settings fit the use: first what they are, then what to change. Pure.
std::vector<TopicAdvice> judge_topic(const std::string& name, const TopicSettings& settings,
                                     const TopicUse& use);

/// What becomes of a topic that does not exist. `cluster`: null where its settings cannot be seen;
/// `may_ask`: our client lets the brokers make it (allow.auto.create.topics). Pure.
TopicAdvice judge_missing(const std::string& name, const ClusterSettings* cluster, bool may_ask);

}  // namespace punchline
