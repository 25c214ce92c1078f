#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "buffer/base/result.h"
#include "sinks/kafka_described.h"
#include "sinks/kafka_settings.h"
#include "sinks/topic_rules.h"

namespace punchline {

/// The result of one check: yes or no, and a sentence for the operator.
struct KafkaFinding {
  bool good = false;
  std::string text;
};

/// The findings of check_kafka(). It writes nothing to the cluster and creates no topic.
struct KafkaCheck {
  struct Name {
    std::string server;  ///< As given: "k1:9092".
    KafkaFinding resolves;
  };
  struct Topic {
    std::string name;
    KafkaFinding usable;          ///< Exists, and each partition has a leader.
    std::int32_t code = 0;        ///< rd_kafka_resp_err_t; 0 if it exists.
    std::int32_t partitions = 0;  ///< 0 if it does not exist.
    std::int32_t leaderless = 0;
    /// Only for a usable topic. An error says why they cannot be seen.
    std::optional<Result<TopicSettings>> settings = std::nullopt;
    bool missing() const;  ///< The cluster says that it does not exist.
  };

  std::vector<Name> names;
  KafkaFinding broker;  ///< Some broker answered in time.
  /// Whether all addresses lead to one cluster; only if there are several and some broker answered.
  std::optional<KafkaFinding> addresses;
  /// Whether brokers answer at the addresses that they advertise: one finding for each that does
  /// not, else one for all.
  std::vector<KafkaFinding> brokers;
  /// Only if a broker answered. An error says why they cannot be seen.
  std::optional<Result<ClusterSettings>> cluster;
  /// Whether an idempotent producer is let in; only if it asked and was answered in time.
  std::optional<KafkaFinding> producer_id;
  std::vector<Topic> topics;  ///< Empty if no broker answered.

  bool good() const;
};

/// Looks at names, brokers and topics with `properties` (as given by the user, or merged). After
/// the name lookups it takes at most about `timeout`, plus up to six seconds for addresses that do
/// not answer. It takes about two seconds if every broker has failed by then. `refused` if
/// librdkafka does not accept the properties or there are no bootstrap.servers. Blocks; any thread.
Result<KafkaCheck> check_kafka(const KafkaProperties& properties,
                               const std::vector<std::string>& topics,
                               std::chrono::milliseconds timeout);

/// Host and port of one entry of bootstrap.servers: "k1", "k1:9092", "SSL://k1:9092",
/// "[::1]:9092". The port is 9092 if none is given.
struct ServerName {
  std::string host;
  std::string port;
};
ServerName parse_server(const std::string& server);

}  // namespace punchline
