#include "sinks/kafka_described.h"

#include <array>
#include <cstdlib>
#include <map>
#include <memory>

#include <librdkafka/rdkafka.h>

#include "sinks/kafka_client.h"

namespace punchline {
namespace {

template <auto Destroy>
struct Deleter {
  template <class T>
  void operator()(T* it) const {
    Destroy(it);
  }
};
using Queue = std::unique_ptr<rd_kafka_queue_t, Deleter<rd_kafka_queue_destroy>>;
using Event = std::unique_ptr<rd_kafka_event_t, Deleter<rd_kafka_event_destroy>>;
using Resource =
    std::unique_ptr<rd_kafka_ConfigResource_t, Deleter<rd_kafka_ConfigResource_destroy>>;
using Options = std::unique_ptr<rd_kafka_AdminOptions_t, Deleter<rd_kafka_AdminOptions_destroy>>;

Error error_of(rd_kafka_resp_err_t code) {
  switch (code) {
    case RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED:
    case RD_KAFKA_RESP_ERR_CLUSTER_AUTHORIZATION_FAILED:
      return {ErrorKind::denied, 0, kafka_error_text(code)};
    case RD_KAFKA_RESP_ERR__UNSUPPORTED_FEATURE:
    case RD_KAFKA_RESP_ERR_UNSUPPORTED_VERSION:
      return {ErrorKind::refused, 0, kafka_error_text(code)};
    default:
      return {ErrorKind::io, 0, kafka_error_text(code)};
  }
}

using Settings = std::map<std::string, std::string>;

Settings settings_of(const rd_kafka_ConfigResource_t* told) {
  Settings settings;
  std::size_t count = 0;
  const auto* entries = rd_kafka_ConfigResource_configs(told, &count);
  for (std::size_t i = 0; i < count; ++i) {
    const char* value = rd_kafka_ConfigEntry_value(entries[i]);
    if (value != nullptr) settings.emplace(rd_kafka_ConfigEntry_name(entries[i]), value);
  }
  return settings;
}

Result<Settings> ask(rd_kafka_t* client, rd_kafka_ResourceType_t type, const std::string& name,
                     std::chrono::milliseconds timeout) {
  const Queue queue(rd_kafka_queue_new(client));
  const Resource resource(rd_kafka_ConfigResource_new(type, name.c_str()));
  const Options options(rd_kafka_AdminOptions_new(client, RD_KAFKA_ADMIN_OP_DESCRIBECONFIGS));
  const auto limit = static_cast<int>(timeout.count());
  std::array<char, 256> why{};
  rd_kafka_AdminOptions_set_request_timeout(options.get(), limit, why.data(), why.size());
  auto* asked = resource.get();
  rd_kafka_DescribeConfigs(client, &asked, 1, options.get(), queue.get());
  const Event event(rd_kafka_queue_poll(queue.get(), limit + 1000));
  if (!event) return error_of(RD_KAFKA_RESP_ERR__TIMED_OUT);
  if (const auto code = rd_kafka_event_error(event.get())) return error_of(code);
  const auto* result = rd_kafka_event_DescribeConfigs_result(event.get());
  std::size_t count = 0;
  const auto* told = rd_kafka_DescribeConfigs_result_resources(result, &count);
  if (count != 1) return error_of(RD_KAFKA_RESP_ERR__BAD_MSG);
  if (const auto code = rd_kafka_ConfigResource_error(told[0])) return error_of(code);
  return settings_of(told[0]);
}

/// The value of a setting; empty if it is not told.
std::string text(const Settings& settings, const char* name) {
  const auto found = settings.find(name);
  return found == settings.end() ? std::string() : found->second;
}

std::int32_t number(const Settings& settings, const char* name, std::int32_t otherwise) {
  const auto found = settings.find(name);
  if (found == settings.end()) return otherwise;
  return static_cast<std::int32_t>(std::strtol(found->second.c_str(), nullptr, 10));
}

}  // namespace

Result<TopicSettings> ask_topic_settings(rd_kafka_s* client, const std::string& topic,
                                         std::chrono::milliseconds timeout) {
  const auto told = ask(client, RD_KAFKA_RESOURCE_TOPIC, topic, timeout);
  if (!told) return told.error();
  TopicSettings settings;
  settings.max_message_bytes = std::strtoull(text(*told, "max.message.bytes").c_str(), nullptr, 10);
  settings.cleanup_policy = text(*told, "cleanup.policy");
  settings.min_insync_replicas = number(*told, "min.insync.replicas", settings.min_insync_replicas);
  return settings;
}

Result<ClusterSettings> ask_cluster_settings(rd_kafka_s* client, std::int32_t broker,
                                             std::chrono::milliseconds timeout) {
  const auto told = ask(client, RD_KAFKA_RESOURCE_BROKER, std::to_string(broker), timeout);
  if (!told) return told.error();
  ClusterSettings settings;
  settings.version = text(*told, "inter.broker.protocol.version");
  settings.creates_topics = text(*told, "auto.create.topics.enable") == "true";
  settings.new_partitions = number(*told, "num.partitions", settings.new_partitions);
  return settings;
}

}  // namespace punchline
