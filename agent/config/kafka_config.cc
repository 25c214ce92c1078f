#include "agent/config/kafka_config.h"

#include <algorithm>

#include "agent/config/secret_file.h"
#include "sinks/chunk.h"

namespace punchline {
namespace {

/// True for a property that may change under a running client. No other may.
bool is_credential(std::string_view property) {
  return property.starts_with("sasl.") || property.starts_with("ssl.");
}

/// The credentials as their files hold them now. One that cannot be read any more is left out, and
/// so stays as it was.
KafkaProperties read_anew(const std::map<std::string, std::string>& files) {
  KafkaProperties now;
  for (const auto& [name, path] : files) {
    const auto property = canonical_property(name);
    if (!is_credential(property)) continue;
    if (auto text = read_secret(path)) now.emplace(property, std::move(*text));
  }
  return now;
}

}  // namespace

KafkaNeeds kafka_needs(const Config& config) {
  KafkaNeeds needs;
  needs.record_bytes_max = 0;
  for (const auto& buffer : config.buffers) {
    needs.record_bytes_max = std::max<std::size_t>(needs.record_bytes_max, buffer.record_bytes_max);
  }
  // What ChunkPool lends beyond its bound. The client is asked for twice the figure that is given
  // here.
  const auto beyond = needs.record_bytes_max + config.buffers.size() * ChunkPool::kChunkBytes;
  needs.in_flight_bytes_max =
      std::max<std::size_t>(config.chunk_bytes_max, (config.chunk_bytes_max + beyond) / 2);
  return needs;
}

Result<KafkaSettings> kafka_settings(const Config& config, const KafkaReading& read) {
  KafkaNames hidden;
  for (const auto& [name, path] : config.kafka_files)
    hidden.insert(name);
  auto settings =
      make_kafka_settings({config.kafka.begin(), config.kafka.end()}, kafka_needs(config), hidden,
                          read);
  if (settings && !hidden.empty()) {
    settings->credentials = [files = config.kafka_files] { return read_anew(files); };
  }
  return settings;
}

}  // namespace punchline
