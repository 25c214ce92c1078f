#include "agent/kafka_config.h"

#include <algorithm>

namespace punchline {

KafkaNeeds kafka_needs(const Config& config) {
  KafkaNeeds needs;
  needs.in_flight_bytes_max = config.chunk_bytes_max;
  needs.record_bytes_max = 0;
  for (const auto& buffer : config.buffers) {
    needs.record_bytes_max = std::max<std::size_t>(needs.record_bytes_max, buffer.record_bytes_max);
  }
  return needs;
}

Result<KafkaSettings> kafka_settings(const Config& config) {
  return make_kafka_settings({config.kafka.begin(), config.kafka.end()}, kafka_needs(config));
}

}  // namespace punchline
