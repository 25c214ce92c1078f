#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "tests/support/kafka_admin.h"
#include "tests/support/process.h"
#include "tests/support/proxy.h"
#include "tests/support/temp_dir.h"

namespace punchline::testing {

/// Real Apache Kafka brokers in KRaft mode, each a process of its own on 127.0.0.1, and each broker
/// and controller at once. Logs lie on tmpfs if there is one: a broker's writeback on a disk makes
/// every timing swing. Processes and folders go with the object, or with the test.
///
/// The jars must have been fetched (tests/support/fetch-kafka; tests/run does it). The version is
/// that of PUNCHLINE_KAFKA_VERSION, or 3.9.1. Brokers are numbered from 0. All methods throw
/// std::runtime_error, with the broker's last words if there are any. For one thread.
class KafkaCluster {
 public:
  struct Options {
    int brokers = 1;           ///< 1 or 3. With 3: replication 3, min.insync.replicas 2.
    std::string version = {};  ///< Empty: as above.
    std::map<std::string, std::string> properties = {};  ///< Added to each server.properties.
    /// Further listeners of each broker, by name, with their protocol: {"TLS", "SSL"}.
    std::map<std::string, std::string> listeners = {};
    bool started = true;  ///< False: all of them are stopped at first; see start().
    bool doors = false;   ///< See doors().
  };

  /// True if the jars of this version (empty: the default) are there.
  static bool available(const std::string& version = {});
  static std::string default_version();

  KafkaCluster() : KafkaCluster(Options{}) {}
  explicit KafkaCluster(Options options);
  ~KafkaCluster();
  KafkaCluster(const KafkaCluster&) = delete;
  KafkaCluster& operator=(const KafkaCluster&) = delete;

  /// "127.0.0.1:P,...": the same for the cluster's whole life.
  const std::string& bootstrap() const { return bootstrap_; }
  /// The same for one of the further listeners.
  std::string bootstrap(const std::string& listener) const;

  /// A second way into each broker, for a Proxy. A client that connects to `outside` hears of no
  /// other address than these; the broker listens at `inside`.
  const std::vector<Proxy::Door>& doors() const { return doors_; }
  std::string bootstrap_by_doors() const;

  /// Starts all that is not running. Returns when a metadata answer names all brokers.
  void start();

  void stop(int broker);                ///< SIGTERM, and waits for the orderly end.
  void kill9(int broker);               ///< SIGKILL.
  void restart(int broker);             ///< After stop() or kill9(): same port, same data.

  /// Keeps a copy of what the cluster's folders hold, under a name and beside them. For this and
  /// the two below, all brokers are stopped or killed.
  void keep(const std::string& name) const;
  /// Puts that copy back in place of what the folders hold now: the cluster is set back.
  void bring_back(const std::string& name) const;
  /// Replaces the folders by the empty ones of another cluster, which answers at the same
  /// addresses.
  void found_another() const;

  void freeze(int broker) const;        ///< SIGSTOP: connections stay, nothing answers.
  void thaw(int broker) const;          ///< SIGCONT.
  bool running(int broker);             ///< False: stopped, killed, or ended by itself.
  std::string words(int broker) const;  ///< What it has said since its last start.

  void create_topic(const std::string& topic, std::int32_t partitions,
                    const TopicConfig& config = {});
  /// Sets these properties and keeps what was set before.
  void alter_topic(const std::string& topic, const TopicConfig& changes);
  void delete_topic(const std::string& topic);
  void add_partitions(const std::string& topic, std::int32_t partitions);
  /// The broker that leads this partition.
  int leader(const std::string& topic, std::int32_t partition) const;
  /// The broker that is the active controller, according to the cluster's own files; -1 for none.
  int controller() const;
  /// Waits until all replicas of the topic are in sync.
  void await_in_sync(const std::string& topic) const;
  /// What each client may send to each broker; 0: as much as it likes.
  void limit_clients(std::uint64_t bytes_per_second) const;
  std::int64_t record_count(const std::string& topic) const;

  /// The partitions of `count` that Java's producer chooses for these keys, any bytes.
  std::vector<std::int32_t> java_partitions(const std::vector<std::string>& keys,
                                            std::int32_t count) const;

  /// The command that runs Java with this Kafka's jars.
  std::vector<std::string> java(const std::vector<std::string>& arguments) const;

 private:
  struct Broker;

  void write_properties(const Broker& broker) const;
  void write_logging() const;
  std::string voters() const;
  void format(const char* cluster_id) const;
  void launch(Broker& broker);
  void await_all();

  Options options_;
  std::string jars_;
  TempDir folder_;
  std::string bootstrap_;
  std::vector<Proxy::Door> doors_;
  std::vector<std::unique_ptr<Broker>> brokers_;
  std::map<std::string, TopicConfig> topics_;
};

}  // namespace punchline::testing
