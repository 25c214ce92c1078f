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

/// Which cluster one entry of bootstrap.servers leads to.
struct KafkaAddress {
  std::string server;   ///< As given: "k1:9092".
  std::string cluster;  ///< Its id; empty where nobody answered, or none was named.
  bool answered = false;
  std::string failure = {};  ///< Where nobody answered: why, as far as is known.
};

/// What librdkafka said last, else what is seen of the connections, else what the `code` of the
/// last question tells. Pure.
std::string why_not(const std::string& said, std::int32_t code, std::span<const KafkaPeer> peers);

/// Between two questions: one to a port that knows none of them fails at once, and takes memory.
void pause_until(std::chrono::steady_clock::time_point when);

/// "host:port", "[::1]:9092", as bootstrap.servers takes it. Pure.
std::string server_name(const std::string& host, int port);

/// "k1:9092 to X, k2:9092 to Y", where they lead to more than one cluster; else nothing. Pure.
std::optional<std::string> several_clusters(const std::vector<KafkaAddress>& addresses);

/// The entries of bootstrap.servers in `properties`, under either of its names.
std::vector<std::string> bootstrap_servers(const KafkaProperties& properties);

/// Asks each of `servers`, whatever bootstrap.servers says, by a client of its own with the other
/// properties: all at once, for at most about `timeout`. Blocks; any thread. A name that stands for
/// several machines is asked once: any of them answers. Ends early once `stopped`, where that is
/// given.
std::vector<KafkaAddress> ask_addresses(const KafkaProperties& properties,
                                        const std::vector<std::string>& servers,
                                        std::chrono::milliseconds timeout,
                                        const std::atomic<bool>* stopped = nullptr);

/// The same question beside a running sink, once, on a thread of its own.
class KafkaAddressQuestion {
 public:
  static constexpr std::chrono::seconds kTimeout{10};
  static constexpr std::chrono::milliseconds kEndMax{500};  ///< The destructor waits so long.

  KafkaAddressQuestion() = default;
  ~KafkaAddressQuestion() { stop(); }
  KafkaAddressQuestion(const KafkaAddressQuestion&) = delete;
  KafkaAddressQuestion& operator=(const KafkaAddressQuestion&) = delete;

  /// Asks nothing where there is one address only. Where no thread can be started, it stays
  /// unanswered.
  void ask(const KafkaProperties& properties);
  /// The text of several_clusters(), once.
  std::optional<std::string> take_several();

 private:
  void stop();
  struct State;
  std::shared_ptr<State> state_;  // shared with the thread, which may outlive us
};

}  // namespace punchline
