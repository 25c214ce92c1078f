#include "tests/support/kafka_admin.h"

#include <array>
#include <memory>
#include <stdexcept>

#include <librdkafka/rdkafka.h>

namespace punchline::testing {
namespace {

constexpr int kPatienceMs = 30000;
constexpr auto kPatience = std::chrono::milliseconds(kPatienceMs);

template <class T, void (*destroy)(T*)>
struct Destroy {
  void operator()(T* it) const { destroy(it); }
};
template <class T, void (*destroy)(T*)>
using Owned = std::unique_ptr<T, Destroy<T, destroy>>;

using Client = Owned<rd_kafka_t, rd_kafka_destroy>;
using Queue = Owned<rd_kafka_queue_t, rd_kafka_queue_destroy>;
using Event = Owned<rd_kafka_event_t, rd_kafka_event_destroy>;
using NewTopic = Owned<rd_kafka_NewTopic_t, rd_kafka_NewTopic_destroy>;
using DeleteTopic = Owned<rd_kafka_DeleteTopic_t, rd_kafka_DeleteTopic_destroy>;
using NewPartitions = Owned<rd_kafka_NewPartitions_t, rd_kafka_NewPartitions_destroy>;
using ConfigResource = Owned<rd_kafka_ConfigResource_t, rd_kafka_ConfigResource_destroy>;
using Topic = Owned<rd_kafka_topic_t, rd_kafka_topic_destroy>;

struct DestroyMetadata {
  void operator()(const rd_kafka_metadata_t* it) const { rd_kafka_metadata_destroy(it); }
};
using Metadata = std::unique_ptr<const rd_kafka_metadata_t, DestroyMetadata>;

void set(rd_kafka_conf_t* conf, const char* key, const std::string& value) {
  std::array<char, 256> why{};
  if (rd_kafka_conf_set(conf, key, value.c_str(), why.data(), why.size()) != RD_KAFKA_CONF_OK) {
    throw std::runtime_error(why.data());
  }
}

Client make_client(const std::string& bootstrap) {
  rd_kafka_conf_t* conf = rd_kafka_conf_new();
  set(conf, "bootstrap.servers", bootstrap);
  set(conf, "client.id", "punchline-tests");
  set(conf, "reconnect.backoff.max.ms", "200");
  rd_kafka_conf_set_log_cb(conf, nullptr);  // a broker that is not up yet is no news here
  std::array<char, 256> why{};
  Client client(rd_kafka_new(RD_KAFKA_PRODUCER, conf, why.data(), why.size()));
  if (!client) throw std::runtime_error(why.data());
  return client;
}

Metadata metadata(rd_kafka_t* client, rd_kafka_topic_t* topic, int limit_ms) {
  const rd_kafka_metadata_t* answer = nullptr;
  rd_kafka_metadata(client, 0, topic, &answer, limit_ms);
  return Metadata(answer);
}

bool all_led(const Metadata& answer) {
  if (!answer || answer->topic_cnt != 1 || answer->topics[0].err != RD_KAFKA_RESP_ERR_NO_ERROR) {
    return false;
  }
  const auto& topic = answer->topics[0];
  for (int i = 0; i < topic.partition_cnt; ++i) {
    if (topic.partitions[i].leader < 0) return false;
  }
  return topic.partition_cnt > 0;
}

// The answer to an admin request; throws what the broker said of the request as a whole.
Event answer_of(rd_kafka_queue_t* queue, const std::string& what) {
  Event event(rd_kafka_queue_poll(queue, kPatienceMs));
  if (!event) throw std::runtime_error(what + ": no answer");
  if (rd_kafka_event_error(event.get()) != RD_KAFKA_RESP_ERR_NO_ERROR) {
    throw std::runtime_error(what + ": " + rd_kafka_event_error_string(event.get()));
  }
  return event;
}

void check(rd_kafka_resp_err_t error, const char* text, const std::string& what) {
  if (error == RD_KAFKA_RESP_ERR_NO_ERROR) return;
  throw std::runtime_error(what + ": " + (text != nullptr ? text : rd_kafka_err2str(error)));
}

NewTopic new_topic(const std::string& topic, std::int32_t partitions, std::int16_t replicas,
                   const TopicConfig& config) {
  std::array<char, 256> why{};
  NewTopic wanted(
      rd_kafka_NewTopic_new(topic.c_str(), partitions, replicas, why.data(), why.size()));
  if (!wanted) throw std::runtime_error(why.data());
  for (const auto& [key, value] : config) {
    rd_kafka_NewTopic_set_config(wanted.get(), key.c_str(), value.c_str());
  }
  return wanted;
}

}  // namespace

int broker_count(const std::string& bootstrap, Clock::duration limit) {
  const auto client = make_client(bootstrap);
  const auto limit_ms = std::chrono::duration_cast<std::chrono::milliseconds>(limit).count();
  const auto answer = metadata(client.get(), nullptr, static_cast<int>(limit_ms));
  return answer ? answer->broker_cnt : 0;
}

void create_topic(const std::string& bootstrap, const std::string& topic, std::int32_t partitions,
                  std::int16_t replicas, const TopicConfig& config) {
  const auto what = "create topic " + topic;
  const auto client = make_client(bootstrap);
  const Queue queue(rd_kafka_queue_new(client.get()));
  const auto wanted = new_topic(topic, partitions, replicas, config);
  rd_kafka_NewTopic_t* list[] = {wanted.get()};
  rd_kafka_CreateTopics(client.get(), list, 1, nullptr, queue.get());
  const auto event = answer_of(queue.get(), what);
  std::size_t count = 0;
  const auto* results =
      rd_kafka_CreateTopics_result_topics(rd_kafka_event_CreateTopics_result(event.get()), &count);
  check(rd_kafka_topic_result_error(results[0]), rd_kafka_topic_result_error_string(results[0]),
        what);
  const Topic handle(rd_kafka_topic_new(client.get(), topic.c_str(), nullptr));
  const bool led = eventually(
      kPatience, [&] { return all_led(metadata(client.get(), handle.get(), kPatienceMs)); });
  if (!led) throw std::runtime_error(what + ": no leader");
}

void replace_topic_config(const std::string& bootstrap, const std::string& topic,
                          const TopicConfig& config) {
  const auto what = "configure topic " + topic;
  const auto client = make_client(bootstrap);
  const Queue queue(rd_kafka_queue_new(client.get()));
  const ConfigResource wanted(rd_kafka_ConfigResource_new(RD_KAFKA_RESOURCE_TOPIC, topic.c_str()));
  for (const auto& [key, value] : config) {
    rd_kafka_ConfigResource_set_config(wanted.get(), key.c_str(), value.c_str());
  }
  rd_kafka_ConfigResource_t* list[] = {wanted.get()};
  rd_kafka_AlterConfigs(client.get(), list, 1, nullptr, queue.get());
  const auto event = answer_of(queue.get(), what);
  std::size_t count = 0;
  const auto* results = rd_kafka_AlterConfigs_result_resources(
      rd_kafka_event_AlterConfigs_result(event.get()), &count);
  check(rd_kafka_ConfigResource_error(results[0]), rd_kafka_ConfigResource_error_string(results[0]),
        what);
}

void delete_topic(const std::string& bootstrap, const std::string& topic) {
  const auto client = make_client(bootstrap);
  const Queue queue(rd_kafka_queue_new(client.get()));
  const DeleteTopic unwanted(rd_kafka_DeleteTopic_new(topic.c_str()));
  rd_kafka_DeleteTopic_t* list[] = {unwanted.get()};
  rd_kafka_DeleteTopics(client.get(), list, 1, nullptr, queue.get());
  answer_of(queue.get(), "delete topic " + topic);
}

void add_partitions(const std::string& bootstrap, const std::string& topic,
                    std::int32_t partitions) {
  const auto what = "more partitions for " + topic;
  const auto client = make_client(bootstrap);
  const Queue queue(rd_kafka_queue_new(client.get()));
  std::array<char, 256> why{};
  const NewPartitions wanted(rd_kafka_NewPartitions_new(
      topic.c_str(), static_cast<std::size_t>(partitions), why.data(), why.size()));
  if (!wanted) throw std::runtime_error(why.data());
  rd_kafka_NewPartitions_t* list[] = {wanted.get()};
  rd_kafka_CreatePartitions(client.get(), list, 1, nullptr, queue.get());
  const auto event = answer_of(queue.get(), what);
  std::size_t count = 0;
  const auto* results = rd_kafka_CreatePartitions_result_topics(
      rd_kafka_event_CreatePartitions_result(event.get()), &count);
  // Asked again by librdkafka where an answer was late, it is refused: there are so many already.
  const bool is_refused =
      rd_kafka_topic_result_error(results[0]) == RD_KAFKA_RESP_ERR_INVALID_PARTITIONS;
  if (is_refused && topic_state(bootstrap, topic).leaders.size() == std::size_t(partitions)) return;
  check(rd_kafka_topic_result_error(results[0]), rd_kafka_topic_result_error_string(results[0]),
        what);
}

TopicState topic_state(const std::string& bootstrap, const std::string& topic) {
  const auto client = make_client(bootstrap);
  const Topic handle(rd_kafka_topic_new(client.get(), topic.c_str(), nullptr));
  const auto answer = metadata(client.get(), handle.get(), kPatienceMs);
  TopicState state;
  state.all_in_sync = all_led(answer);
  if (!answer || answer->topic_cnt != 1) return state;
  for (int i = 0; i < answer->topics[0].partition_cnt; ++i) {
    const auto& partition = answer->topics[0].partitions[i];
    state.leaders.push_back(partition.leader);
    state.all_in_sync = state.all_in_sync && partition.isr_cnt == partition.replica_cnt;
  }
  return state;
}

std::int64_t record_count(const std::string& bootstrap, const std::string& topic) {
  const auto what = "end offsets of " + topic;
  const auto client = make_client(bootstrap);
  const Topic handle(rd_kafka_topic_new(client.get(), topic.c_str(), nullptr));
  const auto answer = metadata(client.get(), handle.get(), kPatienceMs);
  if (!all_led(answer)) throw std::runtime_error(what + ": no metadata");
  std::int64_t sum = 0;
  for (std::int32_t partition = 0; partition < answer->topics[0].partition_cnt; ++partition) {
    std::int64_t low = 0;
    std::int64_t high = 0;
    check(rd_kafka_query_watermark_offsets(client.get(), topic.c_str(), partition, &low, &high,
                                           kPatienceMs),
          nullptr, what);
    sum += high;
  }
  return sum;
}

}  // namespace punchline::testing
