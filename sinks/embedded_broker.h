#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "buffer/base/result.h"

struct rd_kafka_s;
struct rd_kafka_mock_cluster_s;

namespace punchline {

/// librdkafka's mock cluster inside this process, for `demo` and fast tests. It keeps nothing.
///
/// Listens on 127.0.0.1, ports chosen by the kernel; other processes may connect. What it cannot
/// show (rdkafka_mock.h, 2.0.2): a partition keeps its last 5 MB only; no replication, no size
/// limits, no check of sequence numbers, no de-duplication; topics are created when asked for.
/// Calls may come from any one thread.
class EmbeddedBroker {
 public:
  /// `brokers` of them, with the ids 1, 2, 3 ...
  static Result<std::unique_ptr<EmbeddedBroker>> start(int brokers = 1);
  ~EmbeddedBroker();
  EmbeddedBroker(const EmbeddedBroker&) = delete;
  EmbeddedBroker& operator=(const EmbeddedBroker&) = delete;

  /// Value for bootstrap.servers.
  std::string bootstrap() const;
  Status create_topic(const std::string& name, int partitions);

  /// Faults. `code` is an rd_kafka_resp_err_t.
  void broker_down(int id);
  void broker_up(int id);
  /// Each answer of each broker takes so long.
  void set_delay(std::chrono::milliseconds delay);
  /// The next Produce requests, whatever the broker, fail with these codes in turn; nothing of
  /// them is appended. -195 (_TRANSPORT) drops the connection.
  void fail_produce(const std::vector<std::int32_t>& codes);
  /// Likewise for the questions for a producer id.
  void fail_producer_id(const std::vector<std::int32_t>& codes);
  /// Metadata says `code` of the topic; 0 takes it back.
  void set_topic_error(const std::string& name, std::int32_t code);
  /// -1: no leader.
  void set_leader(const std::string& name, std::int32_t partition, int broker);

 private:
  EmbeddedBroker(rd_kafka_s* client, rd_kafka_mock_cluster_s* cluster, int brokers);
  void fail(std::int16_t api, const std::vector<std::int32_t>& codes);

  rd_kafka_s* client_;
  rd_kafka_mock_cluster_s* cluster_;
  int brokers_;
};

}  // namespace punchline
