#include "sinks/kafka_check.h"

#include <algorithm>
#include <array>
#include <memory>
#include <span>
#include <string_view>
#include <utility>

#include <librdkafka/rdkafka.h>
#include <netdb.h>

#include "buffer/base/counted.h"
#include "sinks/kafka_addresses.h"
#include "sinks/kafka_certificate.h"
#include "sinks/kafka_client.h"
#include "sinks/kafka_connections.h"
#include "sinks/kafka_described.h"
#include "sinks/kafka_notices.h"

namespace punchline {
namespace {

using Clock = std::chrono::steady_clock;

/// How long the first question to a broker waits for an answer, and how long any of them does.
constexpr std::chrono::milliseconds kQuestion{500};
constexpr std::chrono::milliseconds kQuestionMax{8000};
/// Once every broker has failed, a short while more is enough to see them fail again.
constexpr std::chrono::seconds kAllDownPatience{2};
/// A cluster that does not know the question gives no answer.
constexpr std::chrono::milliseconds kSettingsPatience{3000};
/// A producer asks for its id as soon as a broker is there.
constexpr std::chrono::milliseconds kProducerIdPatience{2000};
/// One broker has answered by then. Whatever that took, each address has this time of its own.
constexpr std::chrono::milliseconds kAddressPatience{3000};
constexpr std::chrono::milliseconds kStep{100};
/// More events than a client has in one step. Those that are left wait for the next.
constexpr int kEventsMax = 10'000;

struct ClientDelete {
  void operator()(rd_kafka_t* client) const { rd_kafka_destroy(client); }
};
using Client = std::unique_ptr<rd_kafka_t, ClientDelete>;

KafkaFinding resolve(const std::string& server) {
  const ServerName name = parse_server(server);
  addrinfo wanted{};
  wanted.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  const int failure = ::getaddrinfo(name.host.c_str(), name.port.c_str(), &wanted, &found);
  if (failure != 0) {
    return {false, "broker name " + name.host + " does not resolve: " + ::gai_strerror(failure)};
  }
  std::uint64_t addresses = 0;
  for (const addrinfo* each = found; each != nullptr; each = each->ai_next)
    ++addresses;
  ::freeaddrinfo(found);
  return {true, "broker name " + name.host + " resolves to " +
                    counted(addresses, "address", "addresses")};
}

/// The value of a property as `run` would have it. Empty if it is not given.
std::string given(const KafkaProperties& properties, std::string_view canonical) {
  for (const auto& [name, value] : properties) {
    if (canonical_property(name) == canonical) return value;
  }
  return {};
}

Result<Client> open_client(const KafkaProperties& properties, KafkaConnections& connections) {
  KafkaProperties all = connection_properties(properties);
  all.insert_or_assign("log.queue", "true");  // and nobody reads it: stderr stays clean
  all.insert_or_assign("allow.auto.create.topics", "false");
  const std::string idempotence = given(properties, "enable.idempotence");
  if (!idempotence.empty()) all.insert_or_assign("enable.idempotence", idempotence);
  auto& debug = all["debug"];
  debug += debug.empty() ? "eos" : ",eos";  // which tells of the producer id
  auto conf = make_kafka_conf(all);
  if (!conf) return conf.error();
  rd_kafka_conf_set_events(conf->get(), RD_KAFKA_EVENT_ERROR | RD_KAFKA_EVENT_LOG);
  auto client = start_kafka_client(std::move(*conf), true, &connections);
  if (!client) return client.error();
  rd_kafka_set_log_queue(*client, nullptr);
  return Client(*client);
}

/// What the client has said so far.
struct Sayings {
  std::string last;         ///< Its last error; "all brokers down" only if there is nothing better.
  bool all_down = false;    ///< Every broker failed at least once.
  std::string certificate;  ///< Why a broker's is not trusted; the errors do not say it.
  bool producer_id = false;  ///< It has one.
};

void take_log(rd_kafka_event_t* event, Sayings& sayings) {
  const char* facility = nullptr;
  const char* text = nullptr;
  int level = 0;
  if (rd_kafka_event_log(event, &facility, &text, &level) != 0) return;
  if (auto trouble = certificate_trouble(facility, text)) sayings.certificate = *trouble;
  // Logged by rd_kafka_idemp_pid_update. There is no event for it.
  const bool id = std::string_view(facility) == "GETPID";
  if (id && std::string_view(text).find("Acquired ") != std::string_view::npos) {
    sayings.producer_id = true;
  }
}

void take_error(rd_kafka_event_t* event, Sayings& sayings) {
  const bool all = rd_kafka_event_error(event) == RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN;
  if (all) sayings.all_down = true;
  if (all && !sayings.last.empty()) return;
  sayings.last = explained(rd_kafka_event_error_string(event), sayings.certificate);
}

/// Takes the events that are there. Waits up to `wait` for the first.
void hear(rd_kafka_t* client, Sayings& sayings, std::chrono::milliseconds wait = {}) {
  rd_kafka_queue_t* queue = rd_kafka_queue_get_main(client);
  for (int events = 0; events < kEventsMax; ++events) {
    rd_kafka_event_t* event = rd_kafka_queue_poll(queue, static_cast<int>(wait.count()));
    if (event == nullptr) break;
    wait = {};
    if (rd_kafka_event_type(event) == RD_KAFKA_EVENT_ERROR) take_error(event, sayings);
    if (rd_kafka_event_type(event) == RD_KAFKA_EVENT_LOG) take_log(event, sayings);
    rd_kafka_event_destroy(event);
  }
  rd_kafka_queue_destroy(queue);
}

int milliseconds_to(Clock::time_point deadline) {
  const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(deadline - Clock::now());
  return static_cast<int>(std::max<std::int64_t>(left.count(), 1));
}

/// Asks for the cluster's list of brokers, with no topic. Any answer proves a broker.
KafkaFinding ask_broker(rd_kafka_t* client, const KafkaConnections& connections,
                        Clock::time_point deadline, Sayings& sayings,
                        std::vector<KafkaBroker>& known) {
  std::int32_t telling = RD_KAFKA_RESP_ERR_NO_ERROR;
  // Each question waits longer than the one before, so that a slow cluster can answer, too.
  for (auto wait = kQuestion;; wait = std::min(2 * wait, kQuestionMax)) {
    const auto asked = Clock::now();
    const auto wait_ms = std::min(milliseconds_to(deadline), static_cast<int>(wait.count()));
    const rd_kafka_metadata_t* metadata = nullptr;
    const auto code = rd_kafka_metadata(client, 0, nullptr, &metadata, wait_ms);
    telling = more_telling(telling, code);
    if (code == RD_KAFKA_RESP_ERR_NO_ERROR) {
      const auto brokers = static_cast<std::uint64_t>(metadata->broker_cnt);
      for (const auto& each : std::span(metadata->brokers, brokers))
        known.push_back({each.id, server_name(each.host, each.port)});
      rd_kafka_metadata_destroy(metadata);
      return {true, "a broker answers; the cluster has " + counted(brokers, "broker")};
    }
    const bool were_up = !sayings.all_down;
    hear(client, sayings);
    if (were_up && sayings.all_down) {
      deadline = std::min(deadline, Clock::now() + kAllDownPatience);
    }
    if (Clock::now() >= deadline) break;
    pause_until(std::min(asked + kStep, deadline));
  }
  hear(client, sayings);
  return {false, "no broker answers: " + why_not(sayings.last, telling, connections.peers())};
}

/// Empty if the brokers neither gave nor denied an id in time.
std::optional<KafkaFinding> ask_producer_id(rd_kafka_t* client, Clock::time_point deadline,
                                            Sayings& sayings) {
  deadline = std::min(deadline, Clock::now() + kProducerIdPatience);
  do {
    std::array<char, 256> why{};
    if (const auto code = rd_kafka_fatal_error(client, why.data(), why.size())) {
      std::string text = std::string("no producer id is given: ") + why.data();
      if (code == RD_KAFKA_RESP_ERR_CLUSTER_AUTHORIZATION_FAILED) {
        text += "; grant Write on the topic (before Kafka 2.8 IdempotentWrite on the cluster)";
      }
      return KafkaFinding{false, text};
    }
    if (sayings.producer_id) return KafkaFinding{true, "a producer id is given"};
    hear(client, sayings, kStep);
  } while (Clock::now() < deadline);
  return std::nullopt;
}

KafkaCheck::Topic describe(const std::string& name, const rd_kafka_metadata_topic_t& told) {
  KafkaCheck::Topic topic{name, {}, told.err, 0, 0};
  if (told.err != RD_KAFKA_RESP_ERR_NO_ERROR) {
    const bool missing = told.err == RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART;
    topic.usable.text = "topic " + name +
                        (missing ? " does not exist in the cluster"
                                 : " cannot be used: " + kafka_error_text(told.err));
    if (told.err == RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED) {
      topic.usable.text += "; grant Write on it";
    }
    return topic;
  }
  topic.partitions = told.partition_cnt;
  topic.leaderless = static_cast<std::int32_t>(
      std::count_if(told.partitions, told.partitions + told.partition_cnt,
                    [](const rd_kafka_metadata_partition_t& p) { return p.leader < 0; }));
  topic.usable.good = topic.partitions > 0 && topic.leaderless == 0;
  topic.usable.text = "topic " + name + " has " +
                      counted(static_cast<std::uint64_t>(topic.partitions), "partition");
  if (topic.leaderless > 0) {
    topic.usable.text += ", " + std::to_string(topic.leaderless) + " of them without a leader";
  }
  return topic;
}

Result<TopicSettings> ask_settings(rd_kafka_t* client, const rd_kafka_metadata_topic_t& told,
                                   Clock::time_point deadline) {
  const std::chrono::milliseconds left(milliseconds_to(deadline));
  auto settings = ask_topic_settings(client, told.topic, std::min(left, kSettingsPatience));
  if (!settings) return settings;
  const auto* fewest =
      std::min_element(told.partitions, told.partitions + told.partition_cnt,
                       [](const auto& a, const auto& b) { return a.replica_cnt < b.replica_cnt; });
  settings->replicas = fewest->replica_cnt;
  return settings;
}

KafkaCheck::Topic ask_topic(rd_kafka_t* client, const std::string& name,
                            Clock::time_point deadline) {
  KafkaCheck::Topic topic{name, {}, RD_KAFKA_RESP_ERR__INVALID_ARG, 0, 0};
  rd_kafka_topic_t* handle = rd_kafka_topic_new(client, name.c_str(), nullptr);
  if (handle == nullptr) {
    topic.usable.text = "topic name " + name + " is not accepted by librdkafka";
    return topic;
  }
  const rd_kafka_metadata_t* metadata = nullptr;
  const auto failure = rd_kafka_metadata(client, 0, handle, &metadata, milliseconds_to(deadline));
  if (failure == RD_KAFKA_RESP_ERR_NO_ERROR && metadata->topic_cnt == 1) {
    topic = describe(name, metadata->topics[0]);
    if (topic.usable.good) topic.settings = ask_settings(client, metadata->topics[0], deadline);
  } else {
    topic.code = failure;
    topic.usable.text = "topic " + name + ": " + kafka_error_text(failure);
  }
  if (metadata != nullptr) rd_kafka_metadata_destroy(metadata);
  rd_kafka_topic_destroy(handle);
  return topic;
}

KafkaFinding compare_addresses(const KafkaProperties& properties) {
  const auto several = several_clusters(
      ask_addresses(properties, bootstrap_servers(properties), kAddressPatience));
  if (!several) return {true, "all addresses that answer lead to one cluster"};
  return {false, "the addresses lead to different clusters, by their cluster ids: " + *several +
                     "; give those of one only"};
}

/// Asks each broker at the address that it advertises. A bootstrap address that answers says
/// nothing of those that records go to.
std::vector<KafkaFinding> ask_each(const KafkaProperties& properties,
                                   const std::vector<KafkaBroker>& brokers) {
  std::vector<std::string> servers;
  for (const auto& each : brokers)
    servers.push_back(each.address);
  const auto answers = ask_addresses(properties, servers, kAddressPatience);
  std::vector<KafkaFinding> findings;
  for (std::size_t i = 0; i < answers.size(); ++i) {
    if (answers[i].answered) continue;
    findings.push_back({false, "broker " + std::to_string(brokers[i].id) + " does not answer at " +
                                   brokers[i].address + ", which it advertises: " +
                                   answers[i].failure});
  }
  if (findings.empty()) {
    findings.push_back({true, "each broker answers at the address that it advertises"});
  }
  return findings;
}

}  // namespace

bool KafkaCheck::Topic::missing() const {
  return code == RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART;
}

bool KafkaCheck::good() const {
  const auto is_good = [](const KafkaFinding& finding) { return finding.good; };
  return broker.good && std::all_of(brokers.begin(), brokers.end(), is_good) &&
         (!addresses || addresses->good) &&
         std::all_of(topics.begin(), topics.end(),
                     [](const Topic& topic) { return topic.usable.good; });
}

ServerName parse_server(const std::string& server) {
  std::string_view rest = server;
  if (const auto scheme = rest.find("://"); scheme != std::string_view::npos) {
    rest.remove_prefix(scheme + 3);
  }
  std::string_view host = rest;
  std::string_view port = "9092";
  const auto bracket = rest.find(']');
  const auto colon = rest.rfind(':');
  const bool has_port =
      colon != std::string_view::npos &&
      (bracket == std::string_view::npos ? rest.find(':') == colon : colon > bracket);
  if (has_port) {
    host = rest.substr(0, colon);
    port = rest.substr(colon + 1);
  }
  if (host.starts_with('[') && host.ends_with(']')) host = host.substr(1, host.size() - 2);
  return {std::string(host), std::string(port)};
}

Result<KafkaCheck> check_kafka(const KafkaProperties& properties,
                               const std::vector<std::string>& topics,
                               std::chrono::milliseconds timeout) {
  KafkaCheck check;
  for (const std::string& server : bootstrap_servers(properties))
    check.names.push_back({server, resolve(server)});
  if (check.names.empty()) {
    return Error(ErrorKind::refused, 0, "kafka property bootstrap.servers is not given");
  }
  KafkaConnections connections;  // outlives its client
  auto client = open_client(properties, connections);
  if (!client) return client.error();
  const auto deadline = Clock::now() + timeout;
  Sayings sayings;
  std::vector<KafkaBroker> brokers;
  check.broker = ask_broker(client->get(), connections, deadline, sayings, brokers);
  if (!check.broker.good) return check;
  const auto broker = brokers.empty() ? -1 : brokers.front().id;
  check.brokers = ask_each(properties, brokers);
  if (check.names.size() > 1) check.addresses = compare_addresses(properties);
  const std::chrono::milliseconds left(milliseconds_to(deadline));
  check.cluster = ask_cluster_settings(client->get(), broker, std::min(left, kSettingsPatience));
  if (check.cluster->ok() && !(*check.cluster)->version.empty()) {
    check.broker.text += ", version " + (*check.cluster)->version;
  }
  if (given(properties, "enable.idempotence") == "true") {
    check.producer_id = ask_producer_id(client->get(), deadline, sayings);
  }
  for (const std::string& name : topics) {
    check.topics.push_back(ask_topic(client->get(), name, deadline));
  }
  return check;
}

}  // namespace punchline
