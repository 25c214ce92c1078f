#include "agent/show/listen_socket.h"

#include <cerrno>
#include <memory>
#include <string>
#include <utility>

#include <netdb.h>
#include <netinet/in.h>
#include <sys/socket.h>

namespace punchline {
namespace {

Error cannot_listen(const ListenAddress& wanted, int code) {
  return {ErrorKind::busy, code, "http: cannot listen on " + format_address(wanted)};
}

std::uint16_t port_of(const Descriptor& socket) {
  sockaddr_storage got{};
  socklen_t bytes = sizeof got;
  if (::getsockname(socket.fd(), reinterpret_cast<sockaddr*>(&got), &bytes) < 0) return 0;
  return ntohs(got.ss_family == AF_INET6 ? reinterpret_cast<sockaddr_in6*>(&got)->sin6_port
                                         : reinterpret_cast<sockaddr_in*>(&got)->sin_port);
}

/// SO_REUSEPORT is not set: with it two agents would share a port unnoticed.
Result<Descriptor> bound_to(const addrinfo& place, const ListenAddress& wanted) {
  Descriptor socket(::socket(place.ai_family, place.ai_socktype | SOCK_NONBLOCK | SOCK_CLOEXEC, 0),
                    format_address(wanted));
  if (!socket.valid()) return cannot_listen(wanted, errno);
  const int on = 1;
  ::setsockopt(socket.fd(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  if (place.ai_family == AF_INET6) {  // [::] stands for IPv4 too
    const int off = 0;
    ::setsockopt(socket.fd(), IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof off);
  }
  if (::bind(socket.fd(), place.ai_addr, place.ai_addrlen) < 0 ||
      ::listen(socket.fd(), SOMAXCONN) < 0) {
    return cannot_listen(wanted, errno);
  }
  return socket;
}

}  // namespace

Result<ListenSocket> listen_on(const ListenAddress& wanted) {
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_PASSIVE | AI_NUMERICSERV;
  addrinfo* list = nullptr;
  const auto port = std::to_string(wanted.port);
  if (::getaddrinfo(wanted.host.c_str(), port.c_str(), &hints, &list) != 0 || list == nullptr) {
    return Error(ErrorKind::busy, 0,
                 "http: cannot listen on " + format_address(wanted) + ": no such address");
  }
  const std::unique_ptr<addrinfo, decltype(&::freeaddrinfo)> places(list, ::freeaddrinfo);
  Error failure = cannot_listen(wanted, EADDRNOTAVAIL);
  for (const auto* place = places.get(); place != nullptr; place = place->ai_next) {
    auto socket = bound_to(*place, wanted);
    if (!socket) {
      failure = socket.error();
      continue;
    }
    const auto got = port_of(*socket);
    return ListenSocket{std::move(*socket), {wanted.host, got}};
  }
  return failure;
}

}  // namespace punchline
