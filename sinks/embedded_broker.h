#pragma once

#include <memory>
#include <string>

#include "buffer/base/result.h"

struct rd_kafka_s;
struct rd_kafka_mock_cluster_s;

namespace punchline {

/// librdkafka's mock cluster inside this process, for `demo` and fast tests. It persists nothing.
///
/// It listens on 127.0.0.1, on ports chosen by the kernel; other processes can connect. It differs
/// from a real cluster (rdkafka_mock.h, 2.0.2): a partition keeps only its last 5 MB; there is no
/// replication, no size limit, no check of sequence numbers and no de-duplication; topics are
/// created when they are asked for. One thread calls it; any thread will do.
class EmbeddedBroker {
 public:
  /// Starts `brokers` brokers, with the ids 1, 2, 3 ...
  static Result<std::unique_ptr<EmbeddedBroker>> start(int brokers = 1);
  ~EmbeddedBroker();
  EmbeddedBroker(const EmbeddedBroker&) = delete;
  EmbeddedBroker& operator=(const EmbeddedBroker&) = delete;

  /// The value for bootstrap.servers.
  std::string bootstrap() const;
  Status create_topic(const std::string& name, int partitions);

  /// For other functions of rdkafka_mock.h. It lives as long as this object.
  rd_kafka_mock_cluster_s* cluster() const { return cluster_; }

 private:
  EmbeddedBroker(rd_kafka_s* client, rd_kafka_mock_cluster_s* cluster);

  rd_kafka_s* client_;
  rd_kafka_mock_cluster_s* cluster_;
};

}  // namespace punchline
