#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "buffer/base/result.h"
#include "sinks/kafka_connections.h"
#include "sinks/kafka_notices.h"
#include "sinks/sink.h"

struct rd_kafka_s;
struct rd_kafka_topic_s;
struct rd_kafka_queue_s;

namespace punchline {

/// Where the log of a partition ends, compared with the last offset confirmed there.
struct LogEnd {
  RouteId route = 0;
  std::int32_t partition = 0;
  std::int64_t confirmed = -1;  ///< The last offset.
  std::int64_t end = -1;        ///< The next offset to be given.
};

/// The thread beside one client instance, for the calls of librdkafka that block: asking for
/// metadata and for the ends of logs, and rd_kafka_destroy, which can wait seconds for a name
/// lookup.
///
/// At the start it asks until all topics are known, then each `interval` and when look_now() is
/// called; each second or two while something is missing. It hands an answer over if that differs
/// from the one before, or was asked for. Each answer vouches for connections (KafkaConnections,
/// I2). The owner's thread calls everything.
class KafkaWatch {
 public:
  /// 8 bytes are written to `wake_fd` (an eventfd) when there is something to take, or the client
  /// is gone. The thread is started before its client exists, since without it nobody could destroy
  /// the client. `io` if no thread can be started.
  static Result<std::unique_ptr<KafkaWatch>> start(int wake_fd, std::chrono::milliseconds interval,
                                                   std::shared_ptr<KafkaConnections> connections);
  /// Does not wait; see retire(). Without a client the thread just ends.
  ~KafkaWatch();
  KafkaWatch(const KafkaWatch&) = delete;
  KafkaWatch& operator=(const KafkaWatch&) = delete;

  /// Call it once, before anything else. The watch becomes the owner of both.
  void take_client(rd_kafka_s* client, rd_kafka_queue_s* queue);
  /// The watch becomes the owner of the handle and destroys it before the client.
  void add_topic(RouteId route, rd_kafka_topic_s* topic);
  void look_now();
  /// Asks where these logs end, once a broker answers, with several tries.
  void look_at_ends(std::vector<LogEnd> logs);
  /// Those of them that end at or below the last confirmed offset.
  std::vector<LogEnd> take_set_back();
  /// Asks one question, whatever the topic; wakes when it is answered.
  void vouch();
  /// The cluster's id from the last answer; empty while none has named one (before Kafka 0.10.1).
  std::string cluster() const;
  void take_answers(std::vector<TopicAnswer>& answers);
  /// The last answer about each topic, taken or not. Empty while that of some topic is not known,
  /// or nobody answers.
  std::optional<std::vector<TopicAnswer>> known_topics() const;

  /// From then on only the watch may touch the client: its thread destroys topics, queue and
  /// client, and ends. Does not wait.
  void retire();
  /// After retire(): the client is destroyed, and nothing of it reads any memory of ours any more.
  bool gone() const;
  /// Waits for gone(), at most until `deadline`.
  bool wait_gone(std::chrono::steady_clock::time_point deadline);

  struct State;

 private:
  explicit KafkaWatch(std::shared_ptr<State> state) : state_(std::move(state)) {}

  std::shared_ptr<State> state_;  // shared with the thread, which may outlive us
};

}  // namespace punchline
