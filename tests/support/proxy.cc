#include "tests/support/proxy.h"

#include <array>
#include <stdexcept>
#include <string>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/support/eventually.h"

namespace punchline::testing {
namespace {

sockaddr_in local(std::uint16_t port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return address;
}

int listen_at(std::uint16_t port) {
  const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const int on = 1;
  setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  const auto address = local(port);
  if (bind(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0 ||
      listen(fd, 16) != 0) {
    close(fd);
    throw std::runtime_error("proxy: cannot listen at " + std::to_string(port));
  }
  return fd;
}

// -1 if nobody listens.
int connect_to(std::uint16_t port) {
  const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const auto address = local(port);
  if (connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0) return fd;
  close(fd);
  return -1;
}

bool send_all(int fd, const char* data, std::size_t bytes) {
  while (bytes > 0) {
    const auto sent = send(fd, data, bytes, MSG_NOSIGNAL);
    if (sent <= 0) return false;
    data += sent;
    bytes -= static_cast<std::size_t>(sent);
  }
  return true;
}

}  // namespace

Proxy::Proxy(const std::vector<Door>& doors) : wake_(eventfd(0, EFD_CLOEXEC)) {
  for (const auto& door : doors)
    listeners_.push_back({listen_at(door.outside), door.inside});
  thread_ = std::thread([this] { work(); });
}

Proxy::~Proxy() {
  stop_ = true;
  tell();
  thread_.join();
  close_all();
  for (const auto& listener : listeners_)
    close(listener.fd);
  close(wake_);
}

void Proxy::tell() {
  eventfd_write(wake_, 1);
}

void Proxy::hold() {
  holding_ = true;
  tell();
}

void Proxy::release() {
  holding_ = false;
  tell();
}

void Proxy::cut() {
  cut_ = true;
  tell();
  if (!eventually(std::chrono::seconds(20), [this] { return !cut_; })) {
    throw std::runtime_error("proxy: a connection hangs");
  }
}

void Proxy::work() {
  while (!stop_) {
    std::vector<pollfd> fds = {{wake_, POLLIN, 0}};
    for (const auto& listener : listeners_)
      fds.push_back({listener.fd, POLLIN, 0});
    const bool holding = holding_;
    for (const auto& pair : pairs_) {
      fds.push_back({holding ? -1 : pair.client, POLLIN, 0});  // poll(2) leaves out what is below 0
      fds.push_back({holding ? -1 : pair.broker, POLLIN, 0});
    }
    poll(fds.data(), fds.size(), -1);
    const auto* ready = fds.data() + 1 + listeners_.size();
    for (auto& pair : pairs_) {
      if ((ready++)->revents != 0) pass(pair, pair.client, pair.broker);
      if ((ready++)->revents != 0 && !pair.closed) pass(pair, pair.broker, pair.client);
    }
    std::erase_if(pairs_, [](const Pair& pair) { return pair.closed; });
    for (std::size_t i = 0; i < listeners_.size(); ++i) {
      if (fds[1 + i].revents != 0) admit(listeners_[i]);
    }
    if (fds[0].revents == 0) continue;
    eventfd_t told = 0;
    eventfd_read(wake_, &told);
    if (!cut_) continue;
    close_all();
    swallowing_ = false;
    holding_ = false;
    cut_ = false;
  }
}

void Proxy::admit(const Listener& listener) {
  const int client = accept4(listener.fd, nullptr, nullptr, SOCK_CLOEXEC);
  if (client < 0) return;
  const int broker = connect_to(listener.inside);
  if (broker >= 0) {
    pairs_.push_back({client, broker});
  } else {
    close(client);
  }
}

void Proxy::pass(Pair& pair, int from, int to) const {
  std::array<char, 65536> part;
  const auto got = recv(from, part.data(), part.size(), 0);
  const bool keep = from == pair.broker && swallowing_;
  if (got > 0 && (keep || send_all(to, part.data(), static_cast<std::size_t>(got)))) return;
  close(pair.client);
  close(pair.broker);
  pair.closed = true;
}

void Proxy::close_all() {
  for (const auto& pair : pairs_) {
    close(pair.client);
    close(pair.broker);
  }
  pairs_.clear();
}

}  // namespace punchline::testing
