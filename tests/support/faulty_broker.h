#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "buffer/base/result.h"
#include "sinks/embedded_broker.h"

namespace punchline::testing {

/// The embedded broker, and what can go wrong with it. `code` is an rd_kafka_resp_err_t. Calls may
/// come from any one thread.
class FaultyBroker {
 public:
  static Result<std::unique_ptr<FaultyBroker>> start(int brokers = 1);

  std::string bootstrap() const { return broker_->bootstrap(); }
  Status create_topic(const std::string& name, int partitions) {
    return broker_->create_topic(name, partitions);
  }

  void broker_down(int id);
  void broker_up(int id);
  /// Each answer of each broker takes this long.
  void set_delay(std::chrono::milliseconds delay);
  /// The next Produce requests, to whatever broker, fail with these codes in turn. Nothing of them
  /// is appended. -195 (_TRANSPORT) drops the connection.
  void fail_produce(const std::vector<std::int32_t>& codes);
  /// The same for the questions for a producer id.
  void fail_producer_id(const std::vector<std::int32_t>& codes);
  /// Metadata says `code` of the topic. 0 takes that back.
  void set_topic_error(const std::string& name, std::int32_t code);
  /// -1: no leader.
  void set_leader(const std::string& name, std::int32_t partition, int broker);

 private:
  FaultyBroker(std::unique_ptr<EmbeddedBroker> broker, int brokers);
  void fail(std::int16_t api, const std::vector<std::int32_t>& codes);

  std::unique_ptr<EmbeddedBroker> broker_;
  int brokers_;
};

}  // namespace punchline::testing
