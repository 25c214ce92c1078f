#include "agent/config/config_rules.h"

#include <algorithm>
#include <filesystem>
#include <iterator>
#include <map>
#include <string>
#include <vector>

#include "agent/config/config_error.h"
#include "agent/config/listen_address.h"
#include "agent/core/key_rule.h"
#include "buffer/quarantine.h"

namespace punchline {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kTopicBytesMax = 249;  // Kafka: org.apache.kafka.common.internals.Topic

bool is_topic_character(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' ||
         c == '_' || c == '-';
}

void check_topic(const std::string& path, const std::string& key, const std::string& topic) {
  if (!topic.empty() && topic.size() <= kTopicBytesMax && topic != "." && topic != ".." &&
      std::ranges::all_of(topic, is_topic_character)) {
    return;
  }
  throw ConfigError(ExitCode::config, "buffer " + path + ": " + key + " \"" + topic +
                                          "\" is not a name Kafka allows: 1 to 249 of letters, "
                                          "digits, '.', '_' and '-', not \".\" or \"..\"");
}

void check_topics(const BufferConfig& buffer, ExitCode missing) {
  if (buffer.topic.empty()) {
    throw ConfigError(missing, "buffer " + buffer.path +
                                   ": no topic; give it as \"topic\" in the config file, or with "
                                   "--topic for buffers given by -b");
  }
  check_topic(buffer.path, "topic", buffer.topic);
  if (buffer.dead_letter_topic.empty()) return;
  check_topic(buffer.path, "dead_letter_topic", buffer.dead_letter_topic);
  if (buffer.dead_letter_topic != buffer.topic) return;
  throw ConfigError(ExitCode::config, "buffer " + buffer.path + ": dead_letter_topic \"" +
                                          buffer.topic + "\" is its topic, which refused them");
}

void check_keys(const BufferConfig& buffer) {
  const auto refuse = [&](const std::string& why) {
    throw ConfigError(ExitCode::config, "buffer " + buffer.path + ": " + why);
  };
  const int ways = int{!buffer.key_constant.empty()} + int{!buffer.key_json.empty()} +
                   int{buffer.key_column > 0};
  if (ways > 1) refuse("only one of key_constant, key_json and key_column can say the key");
  if (!buffer.key_json.empty() && !is_json_pointer(buffer.key_json)) {
    refuse("key_json \"" + buffer.key_json + "\" is no JSON pointer, such as /user/id (RFC 6901)");
  }
  if (buffer.key_separator.size() != 1 || buffer.key_separator == "\n") {
    refuse("key_separator \"" + buffer.key_separator + "\" is not one byte other than newline");
  }
  for (const auto& [name, value] : buffer.headers) {
    if (name.empty()) refuse("a header without a name");
    if (name.starts_with("punchline.")) {
      refuse("header \"" + name + "\": names that begin with \"punchline.\" are the agent's own");
    }
  }
}

// Different spellings of a file's path come out alike. A file that does not exist yet is taken by
// its name.
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
    check_topics(buffer, missing);
    check_keys(buffer);
  }
  check_no_file_twice(config.buffers);
}

void check_brokers(const Config& config, ExitCode missing) {
  if (has_brokers(config)) return;
  throw ConfigError(missing,
                    "no brokers given; name them with --brokers HOST:PORT,..., or "
                    "\"kafka\": {\"bootstrap.servers\": ...} in the config file");
}

}  // namespace

bool has_brokers(const Config& config) {
  const auto is_given = [&](const char* name) {
    const auto found = config.kafka.find(name);
    return found != config.kafka.end() && !found->second.empty();
  };
  return is_given("bootstrap.servers") || is_given("metadata.broker.list");
}

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

void add_quarantines(Config& config) {
  std::vector<BufferConfig> quarantines;
  for (const auto& buffer : config.buffers) {
    if (buffer.dead_letter_topic.empty()) continue;
    auto& quarantine = quarantines.emplace_back();
    quarantine.path = quarantine_path(buffer.path);
    quarantine.topic = buffer.dead_letter_topic;
    quarantine.record_bytes_max = kQuarantineRecordBytesMax;
    quarantine.unfreed_bytes_max = buffer.unfreed_bytes_max;
    quarantine.collapse_bytes_min = buffer.collapse_bytes_min;
    quarantine.timestamps = buffer.timestamps;
    quarantine.mode = buffer.mode;
    quarantine.group = buffer.group;
    quarantine.is_quarantine = true;
  }
  std::ranges::move(quarantines, std::back_inserter(config.buffers));
  check_no_file_twice(config.buffers);
}

}  // namespace punchline
