#include "sinks/kafka_reader.h"

#include <algorithm>
#include <array>
#include <utility>

#include <librdkafka/rdkafka.h>

#include "sinks/kafka_client.h"

namespace punchline {
namespace {

using Clock = std::chrono::steady_clock;
using std::chrono::milliseconds;

constexpr int kQuestionMs = 500;

KafkaProperties reader_properties(const KafkaProperties& connection) {
  KafkaProperties all = connection;
  all.insert_or_assign("group.id", "punchline-reader");  // asked for by librdkafka, never joined
  all.insert_or_assign("enable.auto.commit", "false");
  all.insert_or_assign("enable.auto.offset.store", "false");
  all.insert_or_assign("auto.offset.reset", "earliest");
  all.insert_or_assign("fetch.wait.max.ms", "50");
  all.insert_or_assign("fetch.error.backoff.ms", "50");
  all.insert_or_assign("log_level", "0");
  return all;
}

Result<int> ask_partitions(rd_kafka_t* client, rd_kafka_topic_t* topic) {
  const rd_kafka_metadata_t* metadata = nullptr;
  const auto failure = rd_kafka_metadata(client, 0, topic, &metadata, kQuestionMs);
  if (failure != RD_KAFKA_RESP_ERR_NO_ERROR) {
    return Error(ErrorKind::io, 0, kafka_error_text(failure));
  }
  const auto& told = metadata->topics[0];
  const int count = metadata->topic_cnt == 1 ? told.partition_cnt : 0;
  const auto code = metadata->topic_cnt == 1 ? told.err : RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART;
  rd_kafka_metadata_destroy(metadata);
  if (code == RD_KAFKA_RESP_ERR_NO_ERROR && count > 0) return count;
  return Error(ErrorKind::not_found, 0, kafka_error_text(code));
}

Result<int> wait_for_partitions(rd_kafka_t* client, const std::string& name, milliseconds timeout) {
  rd_kafka_topic_t* topic = rd_kafka_topic_new(client, name.c_str(), nullptr);
  if (topic == nullptr) return Error(ErrorKind::refused, 0, "topic name " + name);
  const auto deadline = Clock::now() + timeout;
  auto count = ask_partitions(client, topic);
  while (!count && Clock::now() < deadline) {
    rd_kafka_poll(client, 50);  // a pause between two questions
    count = ask_partitions(client, topic);
  }
  rd_kafka_topic_destroy(topic);
  if (count) return count;
  return Error(count.error().kind(), 0, "read topic " + name + ": " + count.error().context());
}

Status assign_all(rd_kafka_t* client, const std::string& topic, int partitions) {
  rd_kafka_topic_partition_list_t* list = rd_kafka_topic_partition_list_new(partitions);
  for (int i = 0; i < partitions; ++i) {
    rd_kafka_topic_partition_list_add(list, topic.c_str(), i)->offset = RD_KAFKA_OFFSET_BEGINNING;
  }
  const auto code = rd_kafka_assign(client, list);
  rd_kafka_topic_partition_list_destroy(list);
  if (code == RD_KAFKA_RESP_ERR_NO_ERROR) return {};
  return Error(ErrorKind::io, 0, "read topic " + topic + ": " + kafka_error_text(code));
}

}  // namespace

Result<std::unique_ptr<KafkaReader>> KafkaReader::open(const KafkaProperties& connection,
                                                       const std::string& topic,
                                                       milliseconds timeout) {
  auto conf = make_kafka_conf(reader_properties(connection));
  if (!conf) return conf.error();
  auto started = start_kafka_client(std::move(*conf), false);
  if (!started) return started.error();
  rd_kafka_t* client = *started;
  rd_kafka_poll_set_consumer(client);
  std::unique_ptr<KafkaReader> reader(new KafkaReader(client, rd_kafka_queue_get_consumer(client)));
  auto partitions = wait_for_partitions(client, topic, timeout);
  if (!partitions) return partitions.error();
  if (auto assigned = assign_all(client, topic, *partitions); !assigned) return assigned.error();
  return reader;
}

KafkaReader::~KafkaReader() {
  rd_kafka_queue_destroy(queue_);
  rd_kafka_destroy_flags(client_, RD_KAFKA_DESTROY_F_NO_CONSUMER_CLOSE);
}

std::size_t KafkaReader::read(milliseconds timeout,
                              const std::function<void(const Record&)>& take) {
  std::array<rd_kafka_message_t*, 1000> messages{};
  const auto got = rd_kafka_consume_batch_queue(queue_, static_cast<int>(timeout.count()),
                                                messages.data(), messages.size());
  std::size_t records = 0;
  for (std::ptrdiff_t i = 0; i < got; ++i) {
    const rd_kafka_message_t& message = *messages[static_cast<std::size_t>(i)];
    if (message.err == RD_KAFKA_RESP_ERR_NO_ERROR) {
      ++records;
      take({message.partition,
            message.offset,
            {static_cast<const char*>(message.payload), message.len}});
    }
    rd_kafka_message_destroy(messages[static_cast<std::size_t>(i)]);
  }
  return records;
}

}  // namespace punchline
