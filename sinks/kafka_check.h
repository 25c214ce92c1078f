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

/// One thing looked at: yes or no, and a sentence for the operator.
struct KafkaFinding {
  bool good = false;
  std::string text;
};

/// What a look at the cluster found. Nothing is written to it and no topic is created.
struct KafkaCheck {
  struct Name {
    std::string server;  ///< As given: "k1:9092".
    KafkaFinding resolves;
  };
  struct Topic {
    std::string name;
    KafkaFinding usable;          ///< Exists, and each partition has a leader.
    std::int32_t code = 0;        ///< rd_kafka_resp_err_t, 0 where it exists.
    std::int32_t partitions = 0;  ///< 0 where it does not exist.
    std::int32_t leaderless = 0;
    /// Only of a usable topic; where they cannot be seen, why not.
    std::optional<Result<TopicSettings>> settings = std::nullopt;
    bool missing() const;  ///< The cluster says that it does not exist.
  };

  std::vector<Name> names;
  KafkaFinding broker;  ///< Some broker answered in time.
  /// Whether all lead to one cluster; only of several, where some broker answered.
  std::optional<KafkaFinding> addresses;
  /// Whether each answers at the address that it advertises; those that do not, else one for all.
  std::vector<KafkaFinding> brokers;
  /// Only where one answered; where they cannot be seen, why not.
  std::optional<Result<ClusterSettings>> cluster;
  /// Whether an idempotent producer is let in; only where it asked and was answered in time.
  std::optional<KafkaFinding> producer_id;
  std::vector<Topic> topics;  ///< Empty where no broker answered.

  bool good() const;
};

/// Looks at names, brokers and topics with `properties` (as given by the user or merged), for at
/// most about `timeout` after the name lookups, beside up to six seconds for addresses that do not
/// answer; and for about two seconds where every broker has failed by then. `refused` where
/// librdkafka does not accept the properties or there are no bootstrap.servers. Blocks; any thread.
Result<KafkaCheck> check_kafka(const KafkaProperties& properties,
                               const std::vector<std::string>& topics,
                               std::chrono::milliseconds timeout);

/// Host and port of one entry of bootstrap.servers: "k1", "k1:9092", "SSL://k1:9092",
/// "[::1]:9092". The port is 9092 where none is given.
struct ServerName {
  std::string host;
  std::string port;
};
ServerName parse_server(const std::string& server);

}  // namespace punchline
