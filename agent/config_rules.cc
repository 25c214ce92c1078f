#include "agent/config_rules.h"

#include <algorithm>
#include <filesystem>
#include <map>
#include <string>

#include "agent/config_error.h"
#include "agent/listen_address.h"

namespace punchline {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kTopicBytesMax = 249;  // Kafka: org.apache.kafka.common.internals.Topic

bool is_topic_character(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' ||
         c == '_' || c == '-';
}

void check_topic(const std::string& path, const std::string& topic, ExitCode missing) {
  if (topic.empty()) {
    throw ConfigError(missing, "buffer " + path +
                                   ": no topic; give it as \"topic\" in the config file, or with "
                                   "--topic for buffers given by -b");
  }
  if (topic.size() <= kTopicBytesMax && topic != "." && topic != ".." &&
      std::ranges::all_of(topic, is_topic_character)) {
    return;
  }
  throw ConfigError(ExitCode::config, "buffer " + path + ": topic \"" + topic +
                                          "\" is not a name Kafka allows: 1 to 249 of letters, "
                                          "digits, '.', '_' and '-', not \".\" or \"..\"");
}

// Different spellings of one file come out alike; what does not exist yet is taken by its name.
std::string same_for_all_spellings(const std::string& path) {
  std::error_code error;
  const auto canonical = fs::weakly_canonical(fs::absolute(path, error), error);
  return error ? path : canonical.string();
}

void check_no_file_twice(const std::vector<BufferConfig>& buffers) {
  std::map<std::string, const BufferConfig*> seen;
  for (const auto& buffer : buffers) {
    const auto [other, is_new] = seen.emplace(same_for_all_spellings(buffer.path), &buffer);
    if (is_new) continue;
    throw ConfigError(ExitCode::config, "buffer " + buffer.path + ": is the same file as buffer " +
                                            other->second->path);
  }
}

void check_buffers(const Config& config, ExitCode missing) {
  if (config.buffers.empty()) {
    throw ConfigError(missing,
                      "no buffer given; name one with -b BUFFER, or \"buffers\" in the "
                      "config file (-c FILE)");
  }
  for (const auto& buffer : config.buffers) {
    if (buffer.path.empty()) {
      throw ConfigError(ExitCode::config, "a buffer has no \"path\"");
    }
    check_topic(buffer.path, buffer.topic, missing);
  }
  check_no_file_twice(config.buffers);
}

void check_brokers(const Config& config, ExitCode missing) {
  for (const auto* name : {"bootstrap.servers", "metadata.broker.list"}) {
    const auto found = config.kafka.find(name);
    if (found != config.kafka.end() && !found->second.empty()) return;
  }
  throw ConfigError(missing,
                    "no brokers given; name them with --brokers HOST:PORT,..., or "
                    "\"kafka\": {\"bootstrap.servers\": ...} in the config file");
}

}  // namespace

void check_config(const Config& config, ExitCode missing) {
  check_buffers(config, missing);
  check_brokers(config, missing);
  if (config.http_listen && !parse_listen_address(*config.http_listen)) {
    throw ConfigError(ExitCode::config,
                      "http.listen: \"" + *config.http_listen +
                          "\" is not ADDR:PORT, such as 127.0.0.1:9377 or [::1]:0");
  }
  if (config.once_timeout && !config.once) {
    throw ConfigError(ExitCode::usage, "--timeout is for --once, which was not given");
  }
}

}  // namespace punchline
