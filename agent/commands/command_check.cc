#include <algorithm>
#include <chrono>
#include <optional>
#include <set>
#include <string>

#include "agent/commands/checklist.h"
#include "agent/commands/commands.h"
#include "agent/config/kafka_config.h"
#include "agent/config/key_sources.h"
#include "agent/config/listen_address.h"
#include "agent/core/wall_clock.h"
#include "agent/show/http.h"
#include "buffer/boot.h"
#include "sinks/kafka_check.h"
#include "sinks/kafka_client.h"

namespace punchline {
namespace {

constexpr std::chrono::seconds kKafkaWait{10};

void check_http(const Config& config, Checklist& list) {
  if (!config.http_listen) return;
  const auto listen = parse_listen_address(*config.http_listen);
  if (const auto free = can_listen(*listen); !free) {
    return list.no(ExitCode::io, free.error().message());
  }
  list.yes("http: " + *config.http_listen + " can be listened on");
}

void check_config(const Config& config, Checklist& list) {
  const auto buffers = config.buffers.size();
  list.yes("config: " + std::to_string(buffers) + (buffers == 1 ? " buffer" : " buffers"));
}

void check_clock(const Config& config, Checklist& list) {
  const auto time = wall_time_ns();
  if (!time) return;
  if (const auto trouble = clock_trouble(*time / 1'000'000, config.clock)) list.note(*trouble);
}

// The properties that `run` would give to the client. Empty if it would refuse them.
std::optional<KafkaProperties> check_properties(const Config& config, Checklist& list) {
  const auto settings = kafka_settings(config, kafka_reading());
  auto fit = settings
                 ? check_kafka_properties(settings->properties, settings->hidden, settings->given)
                 : Status(settings.error());
  if (!fit) {
    list.no(ExitCode::config, fit.error().message());
    return std::nullopt;
  }
  list.yes("kafka: librdkafka takes the properties");
  return settings->properties;
}

void take(const KafkaFinding& finding, Checklist& list) {
  if (finding.good) return list.yes("kafka: " + finding.text);
  list.no(ExitCode::unavailable, "kafka: " + finding.text);
}

TopicUse use_of(const std::string& topic, const Config& config) {
  TopicUse use;
  for (const auto& buffer : config.buffers) {
    if (buffer.topic != topic) continue;
    std::uint64_t bytes = buffer.record_bytes_max;
    for (const auto& [name, value] : buffer.headers)
      bytes += name.size() + value.size() + 2;
    use.record_bytes_max = std::max(use.record_bytes_max, bytes);
    use.keyless = use.keyless || make_key_source(buffer) == nullptr;
  }
  return use;
}

void take(const TopicAdvice& advice, Checklist& list) {
  switch (advice.kind) {
    case TopicAdvice::Kind::good:
      return list.yes("kafka: " + advice.text);
    case TopicAdvice::Kind::note:
      return list.note("kafka: " + advice.text);
    case TopicAdvice::Kind::bad:
      return list.no(ExitCode::unavailable, "kafka: " + advice.text);
  }
}

void take_settings(const KafkaCheck::Topic& topic, const Config& config, Checklist& list) {
  if (!topic.settings) return;
  if (!*topic.settings) {
    return list.note("kafka: topic " + topic.name + ": its settings cannot be seen (" +
                     topic.settings->error().message() + ")");
  }
  for (const auto& advice : judge_topic(topic.name, **topic.settings, use_of(topic.name, config)))
    take(advice, list);
}

void take_topic(const KafkaCheck::Topic& topic, const KafkaCheck& check, bool may_ask,
                Checklist& list) {
  if (!topic.missing()) return take(topic.usable, list);
  const bool seen = check.cluster && check.cluster->ok();
  take(judge_missing(topic.name, seen ? &**check.cluster : nullptr, may_ask), list);
}

// Dead-letter topics are among them: a quarantine file with one is a buffer, too.
void check_cluster(const Config& config, Checklist& list) {
  const auto properties = check_properties(config, list);
  if (!properties) return;
  std::set<std::string> topics;
  for (const auto& buffer : config.buffers)
    topics.insert(buffer.topic);
  const auto check = check_kafka(*properties, {topics.begin(), topics.end()}, kKafkaWait);
  if (!check) return list.no(ExitCode::config, check.error().message());
  for (const auto& name : check->names)
    take(name.resolves, list);
  take(check->broker, list);
  for (const auto& finding : check->brokers)
    take(finding, list);
  if (check->addresses) take(*check->addresses, list);
  if (check->producer_id) take(*check->producer_id, list);
  const auto asks = properties->find("allow.auto.create.topics");
  const bool may_ask = asks != properties->end() && asks->second == "true";
  for (const auto& topic : check->topics) {
    take_topic(topic, *check, may_ask, list);
    take_settings(topic, config, list);
  }
}

}  // namespace

ExitCode command_check(const Config& config) {
  Checklist list;
  check_config(config, list);
  check_clock(config, list);
  for (const auto& buffer : config.buffers)
    check_buffer(buffer, list);
  check_http(config, list);
  check_cluster(config, list);
  return list.code();
}

}  // namespace punchline
