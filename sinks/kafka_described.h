#pragma once

#include <chrono>
#include <cstdint>
#include <string>

#include "buffer/base/result.h"
#include "sinks/topic_rules.h"

struct rd_kafka_s;

namespace punchline {

// Both ask the cluster (DescribeConfigs, KIP-133) and fail alike. `denied`: no right to see the
// settings; `refused`, or `io` for no answer in time: the cluster cannot say. Both block; any
// thread.

/// All but `replicas`, which is not one of a topic's settings.
Result<TopicSettings> ask_topic_settings(rd_kafka_s* client, const std::string& topic,
                                         std::chrono::milliseconds timeout);
/// As `broker` (its id) has them.
Result<ClusterSettings> ask_cluster_settings(rd_kafka_s* client, std::int32_t broker,
                                             std::chrono::milliseconds timeout);

}  // namespace punchline
