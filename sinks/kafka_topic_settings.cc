#include "sinks/kafka_topic_settings.h"

#include <array>
#include <cstdlib>
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

TopicSettings settings_of(const rd_kafka_ConfigResource_t* told) {
  TopicSettings settings;
  std::size_t count = 0;
  const auto* entries = rd_kafka_ConfigResource_configs(told, &count);
  for (std::size_t i = 0; i < count; ++i) {
    const std::string name = rd_kafka_ConfigEntry_name(entries[i]);
    const char* value = rd_kafka_ConfigEntry_value(entries[i]);
    if (value == nullptr) continue;
    if (name == "max.message.bytes") settings.max_message_bytes = std::strtoull(value, nullptr, 10);
    if (name == "cleanup.policy") settings.cleanup_policy = value;
    if (name == "min.insync.replicas") {
      settings.min_insync_replicas = static_cast<std::int32_t>(std::strtol(value, nullptr, 10));
    }
  }
  return settings;
}

}  // namespace

Result<TopicSettings> ask_topic_settings(rd_kafka_s* client, const std::string& topic,
                                         std::chrono::milliseconds timeout) {
  const Queue queue(rd_kafka_queue_new(client));
  const Resource resource(rd_kafka_ConfigResource_new(RD_KAFKA_RESOURCE_TOPIC, topic.c_str()));
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

}  // namespace punchline
