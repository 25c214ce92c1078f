#pragma once

#include <memory>
#include <string>

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

  /// For what rdkafka_mock.h has besides. It goes with this object.
  rd_kafka_mock_cluster_s* cluster() const { return cluster_; }

 private:
  EmbeddedBroker(rd_kafka_s* client, rd_kafka_mock_cluster_s* cluster);

  rd_kafka_s* client_;
  rd_kafka_mock_cluster_s* cluster_;
};

}  // namespace punchline
