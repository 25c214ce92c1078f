#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "tests/support/eventually.h"

namespace punchline::testing {

using TopicConfig = std::map<std::string, std::string>;

/// What a test asks of a broker, each with a librdkafka client that lives for one call only. All
/// but broker_count() throw std::runtime_error with the broker's words.

/// Brokers that a metadata answer names; 0 if none came within `limit`.
int broker_count(const std::string& bootstrap, Clock::duration limit);

/// Returns when each partition has a leader, so that a producer need not wait for one.
void create_topic(const std::string& bootstrap, const std::string& topic, std::int32_t partitions,
                  std::int16_t replicas, const TopicConfig& config);

/// Replaces the topic's whole configuration (rd_kafka_AlterConfigs is not incremental).
void replace_topic_config(const std::string& bootstrap, const std::string& topic,
                          const TopicConfig& config);

void delete_topic(const std::string& bootstrap, const std::string& topic);

/// The topic has `partitions` from now on, more than before.
void add_partitions(const std::string& bootstrap, const std::string& topic,
                    std::int32_t partitions);

/// What a metadata answer says of a topic.
struct TopicState {
  std::vector<std::int32_t> leaders;  ///< node.id by partition, -1 for none.
  bool all_in_sync = false;           ///< Each partition has a leader, and all its replicas.
};
/// No leaders if the topic does not exist.
TopicState topic_state(const std::string& bootstrap, const std::string& topic);

/// Records ever appended to the topic: the sum of its partitions' end offsets.
std::int64_t record_count(const std::string& bootstrap, const std::string& topic);

}  // namespace punchline::testing
