#include "agent/config/config_changes.h"

#include <algorithm>

#include "agent/config/options.h"
#include "sinks/kafka_settings.h"

namespace punchline {
namespace {

bool same_buffers(const Config& a, const Config& b) {
  return std::ranges::equal(a.buffers, b.buffers, {}, &BufferConfig::path, &BufferConfig::path);
}

bool differs(const Option& option, const Config& a, const Config& b) {
  if (option.field.get == nullptr) return false;
  if (option.scope != OptionScope::buffer) {
    return option.field.get(a, BufferConfig{}) != option.field.get(b, BufferConfig{});
  }
  return !std::ranges::equal(a.buffers, b.buffers, [&](const auto& one, const auto& other) {
    return option.field.get(a, one) == option.field.get(b, other);
  });
}

KafkaProperties other_properties(const Config& config) {
  KafkaProperties properties(config.kafka.begin(), config.kafka.end());
  for (const auto& [name, value] : connection_properties(properties))
    properties.erase(name);
  return properties;
}

}  // namespace

std::vector<std::string> changes_for_a_restart(const Config& running, const Config& wanted) {
  if (!same_buffers(running, wanted)) return {"buffers"};
  std::vector<std::string> keys;
  for (const auto& option : option_table()) {
    if (differs(option, running, wanted)) keys.emplace_back(option.key);
  }
  const auto before = other_properties(running);
  const auto after = other_properties(wanted);
  for (const auto* one : {&before, &after}) {
    const auto* other = one == &before ? &after : &before;
    for (const auto& [name, value] : *one) {
      const auto found = other->find(name);
      const bool known = std::ranges::find(keys, name) != keys.end();
      if (!known && (found == other->end() || found->second != value)) keys.push_back(name);
    }
  }
  return keys;
}

}  // namespace punchline
