#include "tests/support/ports.h"

#include <fstream>
#include <random>
#include <stdexcept>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

namespace punchline::testing {
namespace {

constexpr std::uint16_t kPortMin = 10000;
constexpr std::uint16_t kPortMax = 32767;
constexpr int kTriesMax = 10000;

// Connections that linger from an earlier broker do not count (SO_REUSEADDR, as Kafka binds too).
bool is_free(std::uint16_t port) {
  const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const int on = 1;
  setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  const bool bound =
      bind(fd, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0 && listen(fd, 1) == 0;
  close(fd);
  return bound;
}

std::uint16_t last_port() {
  unsigned outgoing_min = kPortMax + 1U;
  std::ifstream("/proc/sys/net/ipv4/ip_local_port_range") >> outgoing_min;
  const bool room = outgoing_min > kPortMin + 1000U && outgoing_min <= kPortMax + 1U;
  return room ? static_cast<std::uint16_t>(outgoing_min - 1) : kPortMax;
}

}  // namespace

std::vector<std::uint16_t> free_ports(std::size_t count) {
  std::random_device random;  // so that two test runs beside each other seldom try the same
  std::uniform_int_distribution<std::uint16_t> some(kPortMin, last_port());
  std::vector<std::uint16_t> ports;
  for (int tries = 0; tries < kTriesMax && ports.size() < count; ++tries) {
    const auto port = some(random);
    bool taken = !is_free(port);
    for (const auto other : ports)
      taken = taken || other == port;
    if (!taken) ports.push_back(port);
  }
  if (ports.size() < count) throw std::runtime_error("no free TCP ports");
  return ports;
}

}  // namespace punchline::testing
