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

/// A broker that lets us wait, by a quota, before it reads on (KIP-219).
struct KafkaThrottle {
  std::int32_t broker = 0;
  std::chrono::milliseconds wait{0};
};

/// The connections of one client instance, as proofs that its producer id is still its own; and
/// what can be seen of them.
///
/// A cluster that was set back (restored from a copy), or another one at the same address, gives the
/// same producer ids out a second time. A batch of ours that has the id and the sequence numbers of
/// somebody else's it then takes for a repetition: confirmed with an offset, written nowhere (Kafka,
/// UnifiedLog.analyzeAndValidateProducerState). No answer tells of it. Two rules keep it away:
///
///  I1 *Unbroken.* A broker that goes on answering on a connection was not stopped, and so neither
///     was its cluster as a whole. Once a producer id was given, a new connection is opened only
///     beside another one that has heard from its broker within kFreshMax. Is none left, the
///     instance is *cut*: nothing is sent any more under its id. Are they only silent, the attempt
///     fails and comes again after librdkafka's back-off; beyond kSilentMax this counts as cut, too.
///  I2 *Vouched for.* A report counts only when every connection that carried records or the
///     producer id has also answered a question for metadata, whose cluster id librdkafka compares.
///     A connection that ends before cannot be vouched for any more.
///
/// librdkafka's broker threads call in, before each connection and before each answer is looked at
/// (socket_cb, connect_cb and closesocket_cb in rdkafka_transport.c, on_response_received in
/// rdkafka_buf.c, of 2.0.2). Each has one broker, and one connection at a time. The public part is
/// for any thread.
class KafkaConnections {
 public:
  static constexpr std::chrono::milliseconds kFreshMax{2000};
  static constexpr std::chrono::milliseconds kSilentMax{4000};

  /// `wake_fd` gets 8 bytes (eventfd) when an attempt failed by I1, the first producer id came, or
  /// the last connection went.
  explicit KafkaConnections(int wake_fd) : wake_fd_(wake_fd) {}
  /// Only looks: for a client whose producer id, if it has one, nobody relies on.
  KafkaConnections() = default;

  /// To be called before the client is made of `conf`; the object must outlive the client.
  void watch(rd_kafka_conf_s* conf);
  /// A client was made, or nearly so.
  bool watching() const { return watching_; }
  /// Whether an error of librdkafka's is such an attempt, and so no trouble.
  static bool is_refusal(std::string_view text);
  /// A question for a producer id was answered, if only by an error.
  bool has_id() const { return has_id_; }
  /// A producer id was given, and no connection is left that could prove it.
  bool cut() const;
  /// An attempt to connect failed by I1. Cleared by the call.
  bool take_refused() { return refused_.exchange(false); }
  /// I2 for all reports that are in librdkafka's queue by now.
  bool vouched() const;
  /// Some report can never be vouched for.
  bool beyond_vouching() const { return beyond_vouching_; }
  /// The ids of the brokers that have answered such requests (see answer()) since the last call.
  std::set<std::int32_t> take_heard();
  /// What brokers have let us wait since the last call, one for each answer that said so.
  std::vector<KafkaThrottle> take_throttles();
  /// How far each connection has come.
  std::vector<KafkaPeer> peers() const;
  /// An answer for metadata has been looked at, cluster id and all: so has what came before it.
  void metadata_seen();

  // For librdkafka's broker threads.
  /// A socket, or -1 with errno where I1 forbids one or socket(2) fails.
  int open(int domain, int type, int protocol);
  /// connect(2), without waiting; 0, or errno. `server` is librdkafka's "host:port".
  int connect(int fd, const sockaddr* address, int address_bytes, const char* server);
  /// The caller closes it.
  void close(int fd);
  /// An answer without error for a request of this kind (Kafka protocol guide, "Api Keys"; to
  /// produce, for metadata or a producer id) came from this broker on the connection of the calling
  /// thread.
  void answer(std::int16_t api, std::int32_t broker);
  /// For whoever polls the client's queue.
  void throttled(const KafkaThrottle& throttle);

 private:
  friend struct KafkaConnectionCalls;
  struct Connection {
    int fd = -1;
    std::thread::id thread;  // of its broker
    std::string server = {};
    std::chrono::steady_clock::time_point since{};  // it is wanted
    bool needs_vouching = false;
    bool answered = false;  // a question for metadata
    bool vouched = false;
  };

  bool may_open();
  void wake() const;

  const std::optional<int> wake_fd_;  // none: only looks
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
