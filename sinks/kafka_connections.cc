#include "sinks/kafka_connections.h"

#include <algorithm>
#include <cerrno>
#include <string>
#include <system_error>
#include <utility>

#include <librdkafka/rdkafka.h>
#include <linux/tcp.h>
#include <netinet/in.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

namespace punchline {
namespace {

using Clock = std::chrono::steady_clock;

// Kafka protocol guide, "Api Keys".
constexpr std::int16_t kProduce = 0;
constexpr std::int16_t kMetadata = 3;
constexpr std::int16_t kInitProducerId = 22;

/// An error that socket(2) itself never gives.
constexpr int kRefusal = ECANCELED;

// include/net/tcp_states.h of the kernel.
constexpr int kEstablished = 1;
constexpr int kSynSent = 2;

/// A connection without a byte for so long is worth a word.
constexpr std::chrono::milliseconds kQuietMin{900};

/// TCP_INFO of tcp(7). All zero if it cannot be had; 0 is the number of no state.
/// tcpi_last_data_recv counts milliseconds since the last byte came, or since the connection was
/// established (tcp_finish_connect).
tcp_info info_of(int fd) {
  tcp_info info{};
  socklen_t bytes = sizeof info;
  if (::getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &bytes) != 0) return {};
  return info;
}

bool heard_lately(int fd) {
  const tcp_info info = info_of(fd);
  return info.tcpi_bytes_received > 0 && info.tcpi_state == kEstablished &&
         info.tcpi_last_data_recv <= KafkaConnections::kFreshMax.count();
}

KafkaPeer::State state_of(int fd, Clock::duration age) {
  const tcp_info info = info_of(fd);
  if (info.tcpi_state == kSynSent && age >= kQuietMin) return KafkaPeer::State::unreached;
  if (info.tcpi_state != kEstablished || info.tcpi_last_data_recv < kQuietMin.count()) {
    return KafkaPeer::State::talking;
  }
  return info.tcpi_bytes_received == 0 ? KafkaPeer::State::mute : KafkaPeer::State::quiet;
}

/// One repetition: the cluster that is reached at last must be the one of now, not one of much
/// later.
void give_up_soon(int fd) {
  const int repetitions = 1;
  ::setsockopt(fd, IPPROTO_TCP, TCP_SYNCNT, &repetitions, sizeof repetitions);
}

}  // namespace

/// The callbacks that librdkafka calls.
struct KafkaConnectionCalls {
  static KafkaConnections& of(void* opaque) { return *static_cast<KafkaConnections*>(opaque); }

  static int socket(int domain, int type, int protocol, void* opaque) {
    return of(opaque).open(domain, type, protocol);
  }
  static int connect(int fd, const sockaddr* address, int address_bytes, const char* server,
                     void* opaque) {
    return of(opaque).connect(fd, address, address_bytes, server);
  }
  static void throttle(rd_kafka_t* /*client*/, const char* /*server*/, std::int32_t broker,
                       int milliseconds, void* opaque) {
    of(opaque).throttled({broker, std::chrono::milliseconds(milliseconds)});
  }
  static int close(int fd, void* opaque) {
    of(opaque).close(fd);
    return ::close(fd);
  }
  static rd_kafka_resp_err_t answer(rd_kafka_t* /*client*/, int /*fd*/, const char* /*name*/,
                                    std::int32_t broker, std::int16_t api,
                                    std::int16_t /*version*/, std::int32_t /*correlation*/,
                                    std::size_t /*bytes*/, std::int64_t /*rtt*/,
                                    rd_kafka_resp_err_t error, void* opaque) {
    if (error == RD_KAFKA_RESP_ERR_NO_ERROR) of(opaque).answer(api, broker);
    return RD_KAFKA_RESP_ERR_NO_ERROR;
  }
  static rd_kafka_resp_err_t made(rd_kafka_t* client, const rd_kafka_conf_t* /*conf*/,
                                  void* opaque, char* /*why*/, std::size_t /*why_bytes*/) {
    of(opaque).watching_ = true;
    return rd_kafka_interceptor_add_on_response_received(client, "punchline", answer, opaque);
  }
};

void KafkaConnections::watch(rd_kafka_conf_s* conf) {
  rd_kafka_conf_set_opaque(conf, this);
  rd_kafka_conf_set_socket_cb(conf, KafkaConnectionCalls::socket);
  rd_kafka_conf_set_connect_cb(conf, KafkaConnectionCalls::connect);
  rd_kafka_conf_set_closesocket_cb(conf, KafkaConnectionCalls::close);
  if (!wake_fd_) return;
  rd_kafka_conf_set_throttle_cb(conf, KafkaConnectionCalls::throttle);
  rd_kafka_conf_interceptor_add_on_new(conf, "punchline", KafkaConnectionCalls::made, this);
}

void KafkaConnections::wake() const {
  if (wake_fd_) ::eventfd_write(*wake_fd_, 1);
}

/// Called under the mutex. Once there is a producer id, a connection may be opened only while
/// another one has heard something lately.
bool KafkaConnections::may_open() {
  if (!has_id_) return true;
  const bool fresh = std::any_of(connections_.begin(), connections_.end(),
                                 [](const Connection& other) { return heard_lately(other.fd); });
  if (fresh) {
    silent_since_.reset();
    return true;
  }
  const auto now = Clock::now();
  if (!silent_since_) silent_since_ = now;
  if (now - *silent_since_ >= kSilentMax) silent_for_long_ = true;
  refused_ = true;
  wake();
  return false;
}

int KafkaConnections::open(int domain, int type, int protocol) {
  const std::lock_guard lock(mutex_);
  if (!may_open()) {
    errno = kRefusal;
    return -1;
  }
  const int fd = ::socket(domain, type | SOCK_CLOEXEC, protocol);
  if (fd < 0) return fd;
  if (has_id_) give_up_soon(fd);
  connections_.push_back({.fd = fd, .thread = std::this_thread::get_id(), .since = Clock::now()});
  return fd;
}

/// librdkafka has made the socket non-blocking by then (rd_kafka_transport_new).
int KafkaConnections::connect(int fd, const sockaddr* address, int address_bytes,
                              const char* server) {
  {
    const std::lock_guard lock(mutex_);
    for (Connection& each : connections_)
      if (each.fd == fd) each.server = server;
  }
  if (::connect(fd, address, static_cast<socklen_t>(address_bytes)) == 0) return 0;
  return errno == EINPROGRESS ? 0 : errno;
}

void KafkaConnections::close(int fd) {
  const std::lock_guard lock(mutex_);
  const auto closed = std::find_if(connections_.begin(), connections_.end(),
                                   [&](const Connection& each) { return each.fd == fd; });
  if (closed == connections_.end()) return;
  if (closed->needs_vouching && !closed->vouched) beyond_vouching_ = true;
  connections_.erase(closed);
  if (connections_.empty()) wake();
}

void KafkaConnections::answer(std::int16_t api, std::int32_t broker) {
  if (api != kProduce && api != kMetadata && api != kInitProducerId) return;
  const std::lock_guard lock(mutex_);
  heard_.insert(broker);
  const auto from =
      std::find_if(connections_.begin(), connections_.end(), [](const Connection& each) {
        return each.thread == std::this_thread::get_id();
      });
  if (from == connections_.end()) return;
  if (api == kInitProducerId && !has_id_.exchange(true)) wake();
  (api == kMetadata ? from->answered : from->needs_vouching) = true;
}

bool KafkaConnections::is_refusal(std::string_view text) {
  return text.find("Failed to create socket") != std::string_view::npos &&
         text.find(std::generic_category().message(kRefusal)) != std::string_view::npos;
}

bool KafkaConnections::cut() const {
  const std::lock_guard lock(mutex_);
  return has_id_ && (silent_for_long_ || connections_.empty());
}

bool KafkaConnections::vouched() const {
  const std::lock_guard lock(mutex_);
  return std::all_of(connections_.begin(), connections_.end(), [](const Connection& each) {
    return each.vouched || !each.needs_vouching;
  });
}

std::set<std::int32_t> KafkaConnections::take_heard() {
  const std::lock_guard lock(mutex_);
  return std::exchange(heard_, {});
}

void KafkaConnections::throttled(const KafkaThrottle& throttle) {
  const std::lock_guard lock(mutex_);
  throttles_.push_back(throttle);
}

std::vector<KafkaThrottle> KafkaConnections::take_throttles() {
  const std::lock_guard lock(mutex_);
  return std::exchange(throttles_, {});
}

std::vector<KafkaPeer> KafkaConnections::peers() const {
  const std::lock_guard lock(mutex_);
  std::vector<KafkaPeer> peers;
  for (const Connection& each : connections_)
    peers.push_back({each.server, state_of(each.fd, Clock::now() - each.since)});
  return peers;
}

void KafkaConnections::metadata_seen() {
  const std::lock_guard lock(mutex_);
  for (Connection& each : connections_)
    each.vouched = each.vouched || each.answered;
}

}  // namespace punchline
