#pragma once

#include <chrono>
#include <cstdint>
#include <string>

#include "buffer/base/result.h"
#include "sinks/topic_rules.h"

struct rd_kafka_s;

namespace punchline {

// Both functions ask the cluster (DescribeConfigs, KIP-133) and have the same errors. `denied`: no
// right to see the settings. `refused`, or `io` if no answer came in time: the cluster cannot say.
// Both block; any thread.

/// All fields but `replicas`, which is not among a topic's settings.
Result<TopicSettings> ask_topic_settings(rd_kafka_s* client, const std::string& topic,
                                         std::chrono::milliseconds timeout);
/// The settings as the broker with id `broker` has them.
Result<ClusterSettings> ask_cluster_settings(rd_kafka_s* client, std::int32_t broker,
                                             std::chrono::milliseconds timeout);

}  // namespace punchline
