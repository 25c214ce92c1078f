#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

struct rd_kafka_s;

namespace punchline::testing {

struct Arrival {
  std::string payload;
  std::int64_t time_ms = 0;  ///< The broker's, where the topic has LogAppendTime.
};

/// Reads a topic from its beginning on, again and again. Throws std::runtime_error with the
/// client's words.
class TopicTail {
 public:
  TopicTail(const std::string& bootstrap, std::string topic, std::int32_t partitions);
  ~TopicTail();
  TopicTail(const TopicTail&) = delete;
  TopicTail& operator=(const TopicTail&) = delete;

  /// All that is in the topic now and was not there the last time.
  std::vector<Arrival> read_new();

 private:
  bool is_behind();
  std::int64_t end_of(std::int32_t partition);

  std::string topic_;
  std::vector<std::int64_t> next_;  // offset, by partition
  std::vector<std::int64_t> ends_;
  rd_kafka_s* client_ = nullptr;
};

}  // namespace punchline::testing
