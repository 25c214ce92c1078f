#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "sinks/kafka_peers.h"

struct rd_kafka_conf_s;
struct sockaddr;

namespace punchline {

/// A broker that makes us wait, because of a quota, before it reads on (KIP-219).
struct KafkaThrottle {
  std::int32_t broker = 0;
  std::chrono::milliseconds wait{0};
};

/// The connections of one client instance. They prove that its producer id is still its own, and
/// show how far each connection has come.
///
/// A cluster that was set back (restored from a copy), or another one at the same address, gives
/// out the same producer ids a second time. If a batch of ours has the id and the sequence numbers
/// of another producer's batch, such a cluster takes it for a repetition: it is confirmed with an
/// offset and written nowhere (Kafka, UnifiedLog.analyzeAndValidateProducerState). No answer shows
/// this. Two rules prevent it:
///
///  I1 *Unbroken.* A broker that goes on answering on a connection was not stopped, so its cluster
///     as a whole was not stopped either. Once a producer id was given, a new connection is opened
///     only beside another one that has heard from its broker within kFreshMax. If no connection is
///     left, the instance is *cut*: nothing more is sent under its id. If they are only silent, the
///     attempt fails, and librdkafka tries again after its back-off. After kSilentMax of that the
///     instance counts as cut, too.
///  I2 *Vouched for.* A report counts only when every connection that carried records or the
///     producer id has also answered a question for metadata, whose cluster id librdkafka compares.
///     A connection that ends before that can never be vouched for.
///
/// librdkafka's broker threads call in, before each connection and before each answer is looked at
/// (socket_cb, connect_cb and closesocket_cb in rdkafka_transport.c, on_response_received in
/// rdkafka_buf.c, of 2.0.2). Each of them has one broker, and one connection at a time. Any thread
/// can call the public functions.
class KafkaConnections {
 public:
  static constexpr std::chrono::milliseconds kFreshMax{2000};
  static constexpr std::chrono::milliseconds kSilentMax{4000};

  /// 8 bytes are written to `wake_fd` (an eventfd) when an attempt has failed by I1, the first
  /// producer id has come, or the last connection is gone.
  explicit KafkaConnections(int wake_fd) : wake_fd_(wake_fd) {}
  /// Only looks, and applies no rule: for a client whose producer id nobody relies on.
  KafkaConnections() = default;

  /// Call it before a client is made of `conf`. This object must outlive the client.
  void watch(rd_kafka_conf_s* conf);
  /// A client was made, or nearly so.
  bool watching() const { return watching_; }
  /// Whether an error of librdkafka's is only an attempt that failed by I1, and so no trouble.
  static bool is_refusal(std::string_view text);
  /// A question for a producer id was answered, be it by an error.
  bool has_id() const { return has_id_; }
  /// A producer id was given, and no connection is left that could prove it.
  bool cut() const;
  /// An attempt to connect has failed by I1 since the last call.
  bool take_refused() { return refused_.exchange(false); }
  /// I2 holds for all reports that are in librdkafka's queue now.
  bool vouched() const;
  /// Some report can never be vouched for.
  bool beyond_vouching() const { return beyond_vouching_; }
  /// The ids of the brokers that have answered requests (of the kinds in answer()) since the last
  /// call.
  std::set<std::int32_t> take_heard();
  /// How long brokers have made us wait since the last call, one for each answer that said so.
  std::vector<KafkaThrottle> take_throttles();
  /// How far each connection has come.
  std::vector<KafkaPeer> peers() const;
  /// An answer for metadata has been processed, its cluster id included. So have all before it.
  void metadata_seen();

  // For librdkafka's broker threads.
  /// A socket; or -1 with errno if I1 forbids one or socket(2) fails.
  int open(int domain, int type, int protocol);
  /// connect(2), without waiting; 0, or errno. `server` is librdkafka's "host:port".
  int connect(int fd, const sockaddr* address, int address_bytes, const char* server);
  /// `fd` is about to be closed by the caller.
  void close(int fd);
  /// An answer without error has come from this broker, on the connection of the calling thread.
  /// `api` is the kind of request (Kafka protocol guide, "Api Keys"). Those to produce, for
  /// metadata and for a producer id count; others are ignored.
  void answer(std::int16_t api, std::int32_t broker);
  /// For the thread that polls the client's queue.
  void throttled(const KafkaThrottle& throttle);

 private:
  friend struct KafkaConnectionCalls;
  struct Connection {
    int fd = -1;
    std::thread::id thread;  // of its broker
    std::string server = {};
    std::chrono::steady_clock::time_point since{};  // when it was opened
    bool needs_vouching = false;
    bool answered = false;  // a question for metadata
    bool vouched = false;
  };

  bool may_open();
  void wake() const;

  const std::optional<int> wake_fd_;  // empty: only looks
  mutable std::mutex mutex_;
  std::vector<Connection> connections_;
  std::set<std::int32_t> heard_;
  std::vector<KafkaThrottle> throttles_;
  std::optional<std::chrono::steady_clock::time_point> silent_since_;
  bool silent_for_long_ = false;
  std::atomic<bool> watching_ = false;
  std::atomic<bool> has_id_ = false;
  std::atomic<bool> refused_ = false;
  std::atomic<bool> beyond_vouching_ = false;
};

}  // namespace punchline
