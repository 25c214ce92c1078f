#include "tests/support/kafka_cluster.h"

#include <cstdlib>
#include <iterator>
#include <sstream>
#include <stdexcept>

#include <signal.h>

#include "tests/support/ports.h"

namespace punchline::testing {
namespace {

constexpr auto kStartLimit = std::chrono::seconds(90);
constexpr auto kStopLimit = std::chrono::seconds(60);
constexpr auto kFormatLimit = std::chrono::seconds(90);
constexpr auto kInSyncLimit = std::chrono::seconds(60);
constexpr std::size_t kWordsMax = 4000;  // of a broker, in a message

// Any 16 bytes in base64url.
constexpr const char* kClusterId = "cHVuY2hsaW5lLXRlc3RzIQ";
constexpr const char* kOtherClusterId = "YW5vdGhlci1jbHVzdGVyIQ";

std::string environment_or(const char* name, const std::string& otherwise) {
  const char* value = std::getenv(name);
  return value != nullptr && *value != '\0' ? value : otherwise;
}

// The same rule as in tests/support/fetch-kafka.
std::filesystem::path jar_folder(const std::string& version) {
  const auto home_cache = environment_or("HOME", "/root") + "/.cache";
  const auto cache = environment_or("XDG_CACHE_HOME", home_cache) + "/punchline";
  return std::filesystem::path(environment_or("PUNCHLINE_KAFKA_CACHE", cache)) /
         ("kafka-" + version);
}

// The number in JSON behind this name; -1 if it is not there.
std::int64_t number_behind(const std::string& json, const std::string& name) {
  const auto at = json.find(name);
  return at == std::string::npos ? -1 : std::strtoll(json.c_str() + at + name.size(), nullptr, 10);
}

// For 3.x (reload4j) and 4.x (log4j2): warnings to standard output, which the test keeps.
constexpr const char* kReload4j =
    "log4j.rootLogger=WARN, out\n"
    "log4j.appender.out=org.apache.log4j.ConsoleAppender\n"
    "log4j.appender.out.layout=org.apache.log4j.PatternLayout\n"
    "log4j.appender.out.layout.ConversionPattern=%d %p %m (%c)%n\n";
constexpr const char* kLog4j2 =
    "appender.out.type=Console\n"
    "appender.out.name=out\n"
    "appender.out.layout.type=PatternLayout\n"
    "appender.out.layout.pattern=%d %p %m (%c)%n\n"
    "rootLogger.level=WARN\n"
    "rootLogger.appenderRef.out.ref=out\n";

}  // namespace

struct KafkaCluster::Broker {
  int node = 0;  // node.id, from 1
  std::uint16_t port = 0;
  std::uint16_t controller_port = 0;
  std::map<std::string, std::uint16_t> further_ports = {};  // by listener
  std::string properties;
  std::string data;
  std::unique_ptr<Process> process;  // none while it is stopped

  std::string last_words() const {
    const auto words = process ? process->out() + process->err() : std::string();
    return words.size() <= kWordsMax ? words : words.substr(words.size() - kWordsMax);
  }
};

std::string KafkaCluster::default_version() {
  return environment_or("PUNCHLINE_KAFKA_VERSION", "3.9.1");
}

bool KafkaCluster::available(const std::string& version) {
  return is_directory(jar_folder(version.empty() ? default_version() : version));
}

KafkaCluster::KafkaCluster(Options options)
    : options_(std::move(options)), folder_("kafka", TempDir::Where::memory) {
  if (options_.version.empty()) options_.version = default_version();
  jars_ = jar_folder(options_.version);
  if (!available(options_.version)) {
    throw std::runtime_error("no Kafka in " + jars_ + ": run tests/support/fetch-kafka " +
                             options_.version);
  }
  auto ports =
      free_ports((4 + options_.listeners.size()) * static_cast<std::size_t>(options_.brokers));
  const auto next_port = [&ports] {
    const auto port = ports.back();
    ports.pop_back();
    return port;
  };
  for (int i = 0; i < options_.brokers; ++i) {
    auto broker = std::make_unique<Broker>();
    broker->node = i + 1;
    broker->port = next_port();
    broker->controller_port = next_port();
    doors_.push_back({.outside = next_port(), .inside = next_port()});
    for (const auto& [name, protocol] : options_.listeners)
      broker->further_ports[name] = next_port();
    broker->properties = folder_.file("server-" + std::to_string(broker->node) + ".properties");
    broker->data = folder_.file("data-" + std::to_string(broker->node));
    bootstrap_ += (i == 0 ? "127.0.0.1:" : ",127.0.0.1:") + std::to_string(broker->port);
    brokers_.push_back(std::move(broker));
  }
  write_logging();
  for (const auto& broker : brokers_)
    write_properties(*broker);
  format(kClusterId);
  if (options_.started) start();
}

KafkaCluster::~KafkaCluster() = default;

std::string KafkaCluster::bootstrap(const std::string& listener) const {
  std::string text;
  for (const auto& broker : brokers_) {
    text += (text.empty() ? "127.0.0.1:" : ",127.0.0.1:") +
            std::to_string(broker->further_ports.at(listener));
  }
  return text;
}

std::string KafkaCluster::voters() const {
  std::string text;
  for (const auto& broker : brokers_) {
    text += (text.empty() ? "" : ",") + std::to_string(broker->node) +
            "@127.0.0.1:" + std::to_string(broker->controller_port);
  }
  return text;
}

std::string KafkaCluster::bootstrap_by_doors() const {
  std::string text;
  for (const auto& door : doors_)
    text += (text.empty() ? "127.0.0.1:" : ",127.0.0.1:") + std::to_string(door.outside);
  return text;
}

void KafkaCluster::write_properties(const Broker& broker) const {
  const auto replicas = std::to_string(options_.brokers);
  const auto in_sync = options_.brokers > 1 ? "2" : "1";
  const auto& door = doors_[static_cast<std::size_t>(broker.node - 1)];
  const auto port = std::to_string(broker.port);
  auto listeners = "PLAINTEXT://127.0.0.1:" + port;
  auto advertised = listeners;
  std::string protocols = "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT";
  const auto listen = [&](const std::string& name, const std::string& protocol, std::uint16_t at,
                          std::uint16_t outside) {
    listeners += "," + name + "://127.0.0.1:" + std::to_string(at);
    advertised += "," + name + "://127.0.0.1:" + std::to_string(outside);
    protocols.append(",").append(name).append(":").append(protocol);
  };
  for (const auto& [name, protocol] : options_.listeners) {
    const auto at = broker.further_ports.at(name);
    listen(name, protocol, at, at);
  }
  if (options_.doors) listen("DOOR", "PLAINTEXT", door.inside, door.outside);
  std::ostringstream text;
  text << "process.roles=broker,controller\n"
       << "node.id=" << broker.node << "\n"
       << "controller.quorum.voters=" << voters() << "\n"
       << "listeners=" << listeners << ",CONTROLLER://127.0.0.1:" << broker.controller_port << "\n"
       << "advertised.listeners=" << advertised << "\n"
       << "controller.listener.names=CONTROLLER\n"
       << "inter.broker.listener.name=PLAINTEXT\n"
       << "listener.security.protocol.map=" << protocols << "\n"
       << "log.dirs=" << broker.data << "\n"
       << "auto.create.topics.enable=false\n"
       << "default.replication.factor=" << replicas << "\nmin.insync.replicas=" << in_sync << "\n"
       << "offsets.topic.replication.factor=" << replicas << "\noffsets.topic.num.partitions=1\n"
       << "transaction.state.log.replication.factor=" << replicas
       << "\ntransaction.state.log.min.isr=" << in_sync
       << "\ntransaction.state.log.num.partitions=1\n"
       << "share.coordinator.state.topic.replication.factor=" << replicas
       << "\nshare.coordinator.state.topic.min.isr=" << in_sync
       << "\n"
       // A broker back from kill -9 is let in only when its former session has run out (9 s).
       << "broker.session.timeout.ms=2000\nbroker.heartbeat.interval.ms=400\n"
       // Records that claim to be old stay too: Kafka deletes by the time that a record claims.
       << "log.retention.ms=-1\n"
       << "group.initial.rebalance.delay.ms=0\n"
       << "num.network.threads=2\nnum.io.threads=2\n";
  for (const auto& [key, value] : options_.properties)
    text << key << "=" << value << "\n";
  write_file(broker.properties, text.str());
}

void KafkaCluster::write_logging() const {
  write_file(folder_.file("log4j.properties"), kReload4j);
  write_file(folder_.file("log4j2.properties"), kLog4j2);
}

std::vector<std::string> KafkaCluster::java(const std::vector<std::string>& arguments) const {
  std::vector<std::string> argv = {
      "java",
      "-Xmx512m",
      "-XX:+UseSerialGC",
      "-Xshare:auto",
      "-Dlog4j.configuration=file:" + folder_.file("log4j.properties"),
      "-Dlog4j2.configurationFile=" + folder_.file("log4j2.properties"),
      "-cp",
      jars_ + "/*"};
  argv.insert(argv.end(), arguments.begin(), arguments.end());
  return argv;
}

std::vector<std::int32_t> KafkaCluster::java_partitions(const std::vector<std::string>& keys,
                                                        std::int32_t count) const {
  std::string hex;
  for (const auto& key : keys) {
    for (const unsigned char byte : key)
      hex.append({"0123456789abcdef"[byte >> 4], "0123456789abcdef"[byte & 15]});
    hex += "\n";
  }
  write_file(folder_.file("keys"), hex);
  const auto asked = run({.argv = java({PUNCHLINE_KEY_PARTITIONS, std::to_string(count)}),
                          .stdin_path = folder_.file("keys")});
  if (asked.exit.code != 0) throw std::runtime_error("KeyPartitions: " + asked.err);
  std::istringstream answer(asked.out);
  return {std::istream_iterator<std::int32_t>(answer), {}};
}

// Writes the metadata each broker needs before its first start.
void KafkaCluster::format(const char* cluster_id) const {
  std::vector<std::unique_ptr<Process>> formatters;
  for (const auto& broker : brokers_) {
    formatters.push_back(
        std::make_unique<Process>(Command{.argv = java({"kafka.tools.StorageTool", "format", "-t",
                                                        cluster_id, "-c", broker->properties})}));
  }
  for (const auto& formatter : formatters) {
    if (formatter->finish(kFormatLimit).code == 0) continue;
    throw std::runtime_error("Kafka's format failed: " + formatter->out() + formatter->err());
  }
}

void KafkaCluster::launch(Broker& broker) {
  if (broker.process && broker.process->running()) return;
  broker.process.reset();
  broker.process =
      std::make_unique<Process>(Command{.argv = java({"kafka.Kafka", broker.properties})});
}

void KafkaCluster::start() {
  for (const auto& broker : brokers_)
    launch(*broker);
  await_all();
}

void KafkaCluster::await_all() {
  const bool up = eventually(kStartLimit, [this] {
    for (const auto& broker : brokers_) {
      if (!broker->process->running()) {
        throw std::runtime_error("broker ended at start:\n" + broker->last_words());
      }
    }
    return broker_count(bootstrap_, std::chrono::milliseconds(500)) == options_.brokers;
  });
  if (!up) throw std::runtime_error("brokers do not answer:\n" + brokers_[0]->last_words());
}

void KafkaCluster::stop(int broker) {
  auto& process = brokers_.at(static_cast<std::size_t>(broker))->process;
  process->signal(SIGTERM);
  process->finish(kStopLimit);
}

void KafkaCluster::kill9(int broker) {
  brokers_.at(static_cast<std::size_t>(broker))->process->kill9();
}

void KafkaCluster::restart(int broker) {
  launch(*brokers_.at(static_cast<std::size_t>(broker)));
  for (const auto& other : brokers_) {
    if (!other->process->running()) return;  // they cannot all answer: the caller's doing
  }
  await_all();
}

void KafkaCluster::keep(const std::string& name) const {
  for (const auto& broker : brokers_) {
    std::filesystem::copy(broker->data, broker->data + "-" + name,
                          std::filesystem::copy_options::recursive);
  }
}

void KafkaCluster::bring_back(const std::string& name) const {
  for (const auto& broker : brokers_) {
    std::filesystem::remove_all(broker->data);
    std::filesystem::copy(broker->data + "-" + name, broker->data,
                          std::filesystem::copy_options::recursive);
  }
}

void KafkaCluster::found_another() const {
  for (const auto& broker : brokers_)
    std::filesystem::remove_all(broker->data);
  format(kOtherClusterId);
}

void KafkaCluster::freeze(int broker) const {
  brokers_.at(static_cast<std::size_t>(broker))->process->signal(SIGSTOP);
}

void KafkaCluster::thaw(int broker) const {
  brokers_.at(static_cast<std::size_t>(broker))->process->signal(SIGCONT);
}

bool KafkaCluster::running(int broker) {
  return brokers_.at(static_cast<std::size_t>(broker))->process->running();
}

std::string KafkaCluster::words(int broker) const {
  const auto& process = brokers_.at(static_cast<std::size_t>(broker))->process;
  return process->out() + process->err();
}

void KafkaCluster::create_topic(const std::string& topic, std::int32_t partitions,
                                const TopicConfig& config) {
  testing::create_topic(bootstrap_, topic, partitions, static_cast<std::int16_t>(options_.brokers),
                        config);
  topics_[topic] = config;
}

void KafkaCluster::alter_topic(const std::string& topic, const TopicConfig& changes) {
  auto& config = topics_[topic];
  for (const auto& [key, value] : changes)
    config[key] = value;
  replace_topic_config(bootstrap_, topic, config);
}

void KafkaCluster::delete_topic(const std::string& topic) {
  testing::delete_topic(bootstrap_, topic);
  topics_.erase(topic);
}

void KafkaCluster::add_partitions(const std::string& topic, std::int32_t partitions) {
  testing::add_partitions(bootstrap_, topic, partitions);
}

int KafkaCluster::leader(const std::string& topic, std::int32_t partition) const {
  const auto state = topic_state(bootstrap_, topic);
  return state.leaders.at(static_cast<std::size_t>(partition)) - 1;
}

// Each node keeps who leads the metadata's own partition, and since which epoch: the highest one is
// right. (A broker's metadata answer names any broker: clients are not to know.)
int KafkaCluster::controller() const {
  std::int64_t latest = -1;
  std::int64_t leader = 0;
  for (const auto& broker : brokers_) {
    const auto text = read_file(broker->data + "/__cluster_metadata-0/quorum-state");
    const auto epoch = number_behind(text, "\"leaderEpoch\":");
    if (epoch <= latest) continue;
    latest = epoch;
    leader = number_behind(text, "\"leaderId\":");
  }
  return static_cast<int>(leader > 0 ? leader - 1 : -1);
}

void KafkaCluster::await_in_sync(const std::string& topic) const {
  const bool in_sync =
      eventually(kInSyncLimit, [&] { return topic_state(bootstrap_, topic).all_in_sync; });
  if (!in_sync) throw std::runtime_error("replicas of " + topic + " do not catch up");
}

void KafkaCluster::limit_clients(std::uint64_t bytes_per_second) const {
  std::vector<std::string> arguments = {"kafka.admin.ConfigCommand",
                                        "--bootstrap-server",
                                        bootstrap_,
                                        "--entity-type",
                                        "clients",
                                        "--entity-default",
                                        "--alter"};
  if (bytes_per_second == 0) {
    arguments.insert(arguments.end(), {"--delete-config", "producer_byte_rate"});
  } else {
    arguments.insert(arguments.end(),
                     {"--add-config", "producer_byte_rate=" + std::to_string(bytes_per_second)});
  }
  const auto asked = run({.argv = java(arguments)});
  if (asked.exit.code != 0) throw std::runtime_error("quota: " + asked.out + asked.err);
}

std::int64_t KafkaCluster::record_count(const std::string& topic) const {
  return testing::record_count(bootstrap_, topic);
}

}  // namespace punchline::testing
