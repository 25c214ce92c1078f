#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "buffer/base/result.h"
#include "sinks/kafka_settings.h"

struct rd_kafka_s;
struct rd_kafka_queue_s;

namespace punchline {

/// Reads a whole topic from its beginning. `demo` and tests use it to count the records that
/// arrived.
///
/// It is a consumer without a group's offsets: it commits nothing and leaves no trace in the
/// cluster. One thread calls it.
class KafkaReader {
 public:
  struct Record {
    std::int32_t partition = 0;
    std::int64_t offset = 0;
    std::string_view payload;  ///< Valid during the call only.
  };

  /// `connection`: bootstrap.servers and whatever else the connection needs. Waits up to
  /// `timeout` for the topic: `not_found` if it does not exist, `io` if no broker answers.
  static Result<std::unique_ptr<KafkaReader>> open(const KafkaProperties& connection,
                                                   const std::string& topic,
                                                   std::chrono::milliseconds timeout);
  /// Sends nothing to the group's coordinator, but can wait for librdkafka's threads.
  ~KafkaReader();
  KafkaReader(const KafkaReader&) = delete;
  KafkaReader& operator=(const KafkaReader&) = delete;

  /// Waits up to `timeout` for something to read and passes the records that are there to `take`
  /// (1,000 at most). Returns how many; 0: nothing came in time.
  std::size_t read(std::chrono::milliseconds timeout,
                   const std::function<void(const Record&)>& take);

 private:
  KafkaReader(rd_kafka_s* client, rd_kafka_queue_s* queue) : client_(client), queue_(queue) {}

  rd_kafka_s* client_;
  rd_kafka_queue_s* queue_;
};

}  // namespace punchline
