#pragma once

#include <chrono>
#include <string>

#include "buffer/result.h"
#include "sinks/topic_rules.h"

struct rd_kafka_s;

namespace punchline {

/// Asks the cluster for a topic's settings (DescribeConfigs, KIP-133); all but `replicas`, which is
/// not one of them. `denied`: no right to see them; `refused`, or `io` for no
/// answer in time: the cluster cannot say. Blocks; any thread.
Result<TopicSettings> ask_topic_settings(rd_kafka_s* client, const std::string& topic,
                                         std::chrono::milliseconds timeout);

}  // namespace punchline
