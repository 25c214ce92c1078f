#include "sinks/kafka_addresses.h"

#include <algorithm>
#include <condition_variable>
#include <mutex>
#include <set>
#include <string_view>
#include <thread>
#include <utility>

#include <librdkafka/rdkafka.h>

#include "buffer/base/quiet_thread.h"
#include "sinks/kafka_certificate.h"
#include "sinks/kafka_client.h"
#include "sinks/kafka_connections.h"
#include "sinks/kafka_stalls.h"

namespace punchline {
namespace {

using Clock = std::chrono::steady_clock;

struct ClientDelete {
  void operator()(rd_kafka_t* client) const { rd_kafka_destroy(client); }
};
using Client = std::unique_ptr<rd_kafka_t, ClientDelete>;

std::vector<std::string> split(std::string_view list) {
  std::vector<std::string> parts;
  while (!list.empty()) {
    const auto comma = std::min(list.find(','), list.size());
    std::string_view part = list.substr(0, comma);
    while (part.starts_with(' '))
      part.remove_prefix(1);
    while (part.ends_with(' '))
      part.remove_suffix(1);
    if (!part.empty()) parts.emplace_back(part);
    list.remove_prefix(std::min(comma + 1, list.size()));
  }
  return parts;
}

/// nullptr if librdkafka does not accept the properties, or gets no threads.
Client client_for(const KafkaProperties& properties, const std::string& server,
                  KafkaConnections& connections) {
  KafkaProperties all = connection_properties(properties);
  std::erase_if(all, [](const auto& each) {
    return canonical_property(each.first) == "metadata.broker.list" ||
           each.first == "debug";
  });
  all.insert_or_assign("metadata.broker.list", server);
  all.insert_or_assign("log.queue", "true");  // and nobody reads it: stderr stays clean
  auto conf = make_kafka_conf(all);
  if (!conf) return nullptr;
  rd_kafka_conf_set_events(conf->get(), RD_KAFKA_EVENT_ERROR);
  auto client = start_kafka_client(std::move(*conf), true, &connections);
  return Client(client ? *client : nullptr);
}

/// One address and the client that asks it.
struct Asked {
  std::unique_ptr<KafkaConnections> connections = std::make_unique<KafkaConnections>();
  Client client = nullptr;  // ends before its connections
  std::int32_t code = RD_KAFKA_RESP_ERR_NO_ERROR;  // the most telling one so far
};

/// The time of one round. In each round all addresses that have not answered yet are asked, each
/// for an equal part of the time, so that one that is away takes no time from the others.
constexpr std::chrono::milliseconds kRound{200};

std::string cluster_of(rd_kafka_t* client) {
  char* id = rd_kafka_clusterid(client, 0);
  if (id == nullptr) return {};
  std::string cluster = id;
  rd_kafka_mem_free(client, id);
  return cluster;
}

/// The question makes the client connect, and on connecting it asks by itself
/// (rd_kafka_broker_connect_up). So an answer that comes later than `wait` shows by the cluster's
/// id.
bool answers(Asked& asked, std::chrono::milliseconds wait) {
  rd_kafka_t* client = asked.client.get();
  const rd_kafka_metadata_t* metadata = nullptr;
  const auto code =
      rd_kafka_metadata(client, 0, nullptr, &metadata, static_cast<int>(wait.count()));
  asked.code = more_telling(asked.code, code);
  if (code == RD_KAFKA_RESP_ERR_NO_ERROR) rd_kafka_metadata_destroy(metadata);
  return code == RD_KAFKA_RESP_ERR_NO_ERROR || !cluster_of(client).empty();
}

/// What the client said last, in plain words. That all brokers are down counts only if it said
/// nothing else.
std::string failure_of(rd_kafka_t* client) {
  rd_kafka_queue_t* queue = rd_kafka_queue_get_main(client);
  std::string last;
  while (rd_kafka_event_t* event = rd_kafka_queue_poll(queue, 0)) {
    const bool all = rd_kafka_event_error(event) == RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN;
    const char* text = rd_kafka_event_error_string(event);
    if (text != nullptr && (!all || last.empty())) last = text;
    rd_kafka_event_destroy(event);
  }
  rd_kafka_queue_destroy(queue);
  return explained(std::string(reason_in(last)), "");
}

}  // namespace

std::int32_t more_telling(std::int32_t code, std::int32_t later) {
  return code == RD_KAFKA_RESP_ERR__UNSUPPORTED_FEATURE ? code : later;
}

std::string why_not(const std::string& said, std::int32_t code, std::span<const KafkaPeer> peers) {
  if (!said.empty()) return said;
  if (code == RD_KAFKA_RESP_ERR__UNSUPPORTED_FEATURE) return kTakesNoRecords;
  const std::string silence = silence_of(peers);
  return silence.empty() ? "nothing came in time" : silence;
}

void pause_until(std::chrono::steady_clock::time_point when) {
  std::this_thread::sleep_until(when);
}

std::optional<std::string> several_clusters(const std::vector<KafkaAddress>& addresses) {
  std::set<std::string> clusters;
  std::string text;
  for (const auto& each : addresses) {
    if (each.cluster.empty()) continue;
    clusters.insert(each.cluster);
    text.append(text.empty() ? "" : ", ").append(each.server).append(" to ").append(each.cluster);
  }
  if (clusters.size() < 2) return std::nullopt;
  return text;
}

std::string server_name(const std::string& host, int port) {
  const bool is_v6 = host.find(':') != std::string::npos;
  return (is_v6 ? "[" + host + "]" : host) + ":" + std::to_string(port);
}

std::vector<std::string> bootstrap_servers(const KafkaProperties& properties) {
  std::vector<std::string> servers;
  for (const auto& [name, value] : properties) {
    if (canonical_property(name) != "metadata.broker.list") continue;
    for (std::string& server : split(value))
      servers.push_back(std::move(server));
  }
  return servers;
}

std::vector<KafkaAddress> ask_addresses(const KafkaProperties& properties,
                                        const std::vector<std::string>& servers,
                                        std::chrono::milliseconds timeout,
                                        const std::atomic<bool>* stopped) {
  std::vector<Asked> asked(servers.size());
  std::vector<KafkaAddress> addresses;
  for (std::size_t i = 0; i < servers.size(); ++i) {
    asked[i].client = client_for(properties, servers[i], *asked[i].connections);
    addresses.push_back({servers[i], {}});
  }
  const auto deadline = Clock::now() + timeout;
  const auto is_over = [&] { return Clock::now() >= deadline || (stopped && *stopped); };
  for (std::size_t waiting = servers.size(); waiting > 0 && !is_over();) {
    const auto wait = std::max(kRound / static_cast<int>(waiting), std::chrono::milliseconds(1));
    const auto next_round = std::min(Clock::now() + kRound, deadline);
    waiting = 0;
    for (std::size_t i = 0; i < servers.size() && !is_over(); ++i) {
      if (addresses[i].answered || !asked[i].client) continue;
      addresses[i].answered = answers(asked[i], wait);
      if (!addresses[i].answered) ++waiting;
    }
    if (waiting > 0 && !is_over()) pause_until(next_round);
  }
  for (std::size_t i = 0; i < servers.size(); ++i) {
    auto& address = addresses[i];
    rd_kafka_t* client = asked[i].client.get();
    if (client != nullptr && address.answered) address.cluster = cluster_of(client);
    if (address.answered) continue;
    address.failure = why_not(client != nullptr ? failure_of(client) : "no client can be made",
                              asked[i].code, asked[i].connections->peers());
  }
  return addresses;
}

struct KafkaAddressQuestion::State {
  std::atomic<bool> stopped = false;
  std::mutex mutex;
  std::condition_variable ended;
  bool has_ended = false;
  std::optional<std::string> several;
};

void KafkaAddressQuestion::ask(const KafkaProperties& properties) {
  if (state_) state_->stopped = true;
  state_.reset();
  const auto servers = bootstrap_servers(properties);
  if (servers.size() < 2) return;
  auto state = std::make_shared<State>();
  const auto started = start_quiet_thread([state, properties, servers] {
    auto several = several_clusters(ask_addresses(properties, servers, kTimeout, &state->stopped));
    const std::lock_guard lock(state->mutex);
    state->several = std::move(several);
    state->has_ended = true;
    state->ended.notify_all();
  });
  if (started) state_ = std::move(state);
}

void KafkaAddressQuestion::stop() {
  if (!state_) return;
  state_->stopped = true;
  std::unique_lock lock(state_->mutex);
  state_->ended.wait_for(lock, kEndMax, [this] { return state_->has_ended; });
  lock.unlock();
  state_.reset();
}

std::optional<std::string> KafkaAddressQuestion::take_several() {
  if (!state_) return std::nullopt;
  const std::lock_guard lock(state_->mutex);
  return std::exchange(state_->several, std::nullopt);
}

}  // namespace punchline
