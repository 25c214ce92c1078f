#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "sinks/kafka_peers.h"
#include "sinks/kafka_settings.h"

namespace punchline {

/// One entry of bootstrap.servers, and the cluster that it leads to.
struct KafkaAddress {
  std::string server;   ///< As given: "k1:9092".
  std::string cluster;  ///< The cluster's id; empty if nobody answered, or no id was named.
  bool answered = false;
  std::string failure = {};  ///< If nobody answered: why, if that is known.
};

/// The code that tells more about a broker, of two questions: that it does not know the question
/// stands against all that comes `later`, which may have had a millisecond only. Pure.
std::int32_t more_telling(std::int32_t code, std::int32_t later);

/// What librdkafka said last, else what the `code` of the questions tells, else what is seen of the
/// connections. Pure.
std::string why_not(const std::string& said, std::int32_t code, std::span<const KafkaPeer> peers);

/// Sleeps between two questions. A question to a port that understands none of them fails at once,
/// and takes memory.
void pause_until(std::chrono::steady_clock::time_point when);

/// "host:port", "[::1]:9092", as bootstrap.servers takes it. Pure.
std::string server_name(const std::string& host, int port);

/// "k1:9092 to X, k2:9092 to Y" if they lead to more than one cluster; else empty. Pure.
std::optional<std::string> several_clusters(const std::vector<KafkaAddress>& addresses);

/// The entries of bootstrap.servers in `properties`, under either of its names.
std::vector<std::string> bootstrap_servers(const KafkaProperties& properties);

/// Asks each of `servers`, whatever bootstrap.servers says. Each has a client of its own with the
/// other properties. All are asked at the same time, for at most about `timeout`. A name that
/// stands for several machines is asked once: any of them answers. Returns early once `*stopped` is
/// true, if that is given. Blocks; any thread.
std::vector<KafkaAddress> ask_addresses(const KafkaProperties& properties,
                                        const std::vector<std::string>& servers,
                                        std::chrono::milliseconds timeout,
                                        const std::atomic<bool>* stopped = nullptr);

/// Asks the same question beside a running sink, once, on a thread of its own.
class KafkaAddressQuestion {
 public:
  static constexpr std::chrono::seconds kTimeout{10};
  static constexpr std::chrono::milliseconds kEndMax{500};  ///< How long the destructor waits.

  KafkaAddressQuestion() = default;
  ~KafkaAddressQuestion() { stop(); }
  KafkaAddressQuestion(const KafkaAddressQuestion&) = delete;
  KafkaAddressQuestion& operator=(const KafkaAddressQuestion&) = delete;

  /// Begins to ask. Does nothing if there is only one address. If no thread can be started, the
  /// question stays unanswered.
  void ask(const KafkaProperties& properties);
  /// The text of several_clusters(), once; otherwise empty.
  std::optional<std::string> take_several();

 private:
  void stop();
  struct State;
  std::shared_ptr<State> state_;  // shared with the thread, which may outlive us
};

}  // namespace punchline
