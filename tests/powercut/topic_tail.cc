#include "tests/powercut/topic_tail.h"

#include <array>
#include <stdexcept>

#include <librdkafka/rdkafka.h>

#include "tests/support/eventually.h"

namespace punchline::testing {
namespace {

constexpr int kPatienceMs = 30'000;

void set(rd_kafka_conf_t* conf, const char* key, const char* value) {
  std::array<char, 256> why{};
  if (rd_kafka_conf_set(conf, key, value, why.data(), why.size()) != RD_KAFKA_CONF_OK) {
    throw std::runtime_error(why.data());
  }
}

void check(rd_kafka_resp_err_t error) {
  if (error != RD_KAFKA_RESP_ERR_NO_ERROR) throw std::runtime_error(rd_kafka_err2str(error));
}

/// A partition is new: not all brokers know of it, or who leads it.
bool passes(rd_kafka_resp_err_t error) {
  return error == RD_KAFKA_RESP_ERR_NOT_LEADER_FOR_PARTITION ||
         error == RD_KAFKA_RESP_ERR_LEADER_NOT_AVAILABLE ||
         error == RD_KAFKA_RESP_ERR__UNKNOWN_PARTITION ||
         error == RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC ||
         error == RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART;
}

}  // namespace

std::int64_t TopicTail::end_of(std::int32_t partition) {
  std::int64_t low = 0;
  std::int64_t end = 0;
  auto error = RD_KAFKA_RESP_ERR_NO_ERROR;
  const bool is_led = eventually(std::chrono::milliseconds(kPatienceMs), [&] {
    error = rd_kafka_query_watermark_offsets(client_, topic_.c_str(), partition, &low, &end,
                                             kPatienceMs);
    return !passes(error);
  });
  if (!is_led) throw std::runtime_error(topic_ + ": nobody leads it");
  check(error);
  return end;
}

TopicTail::TopicTail(const std::string& bootstrap, std::string topic, std::int32_t partitions)
    : topic_(std::move(topic)),
      next_(static_cast<std::size_t>(partitions)),
      ends_(static_cast<std::size_t>(partitions)) {
  auto* conf = rd_kafka_conf_new();
  set(conf, "bootstrap.servers", bootstrap.c_str());
  set(conf, "group.id", "powercut");  // none is joined
  set(conf, "enable.auto.commit", "false");
  set(conf, "auto.offset.reset", "error");
  set(conf, "fetch.wait.max.ms", "20");
  std::array<char, 256> why{};
  client_ = rd_kafka_new(RD_KAFKA_CONSUMER, conf, why.data(), why.size());
  if (client_ == nullptr) throw std::runtime_error(why.data());
  rd_kafka_poll_set_consumer(client_);
  auto* list = rd_kafka_topic_partition_list_new(partitions);
  for (std::int32_t number = 0; number < partitions; ++number)
    rd_kafka_topic_partition_list_add(list, topic_.c_str(), number)->offset = 0;
  const auto assigned = rd_kafka_assign(client_, list);
  rd_kafka_topic_partition_list_destroy(list);
  check(assigned);
}

TopicTail::~TopicTail() {
  rd_kafka_destroy(client_);
}

bool TopicTail::is_behind() {
  for (std::size_t at = 0; at < next_.size(); ++at) {
    if (next_[at] < ends_[at]) return true;
  }
  return false;
}

std::vector<Arrival> TopicTail::read_new() {
  for (std::size_t at = 0; at < ends_.size(); ++at)
    ends_[at] = end_of(static_cast<std::int32_t>(at));
  std::vector<Arrival> arrivals;
  const auto deadline = Clock::now() + std::chrono::milliseconds(kPatienceMs);
  while (is_behind()) {
    if (Clock::now() > deadline) throw std::runtime_error(topic_ + ": cannot be read to its end");
    auto* message = rd_kafka_consumer_poll(client_, 100);
    if (message == nullptr) continue;
    const auto error = message->err;
    if (error == RD_KAFKA_RESP_ERR_NO_ERROR) {
      arrivals.push_back({{static_cast<const char*>(message->payload), message->len},
                          rd_kafka_message_timestamp(message, nullptr)});
      next_[static_cast<std::size_t>(message->partition)] = message->offset + 1;
    }
    rd_kafka_message_destroy(message);
    if (!passes(error)) check(error);
  }
  return arrivals;
}

}  // namespace punchline::testing
