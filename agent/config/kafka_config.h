#pragma once

#include "agent/core/config.h"
#include "sinks/kafka_settings.h"

namespace punchline {

/// What the buffers and budgets of a configuration require of the Kafka client.
KafkaNeeds kafka_needs(const Config& config);

/// The client's properties for a configuration. Errors: `refused`, as make_kafka_settings(). `run`
/// and `check` both call it, so that `check` judges what `run` would use.
Result<KafkaSettings> kafka_settings(const Config& config, const KafkaReading& read = {});

}  // namespace punchline
