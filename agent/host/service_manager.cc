#include "agent/host/service_manager.h"

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <cstdlib>
#include <string>

#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

namespace punchline {

Status tell_service_manager(std::string_view state) {
  const char* given = std::getenv("NOTIFY_SOCKET");
  if (given == nullptr || *given == '\0') return {};
  const std::string_view name = given;
  const auto what = "NOTIFY_SOCKET " + std::string(name);
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (name.size() >= sizeof address.sun_path) return Error::from_errno(ENAMETOOLONG, what);
  std::copy(name.begin(), name.end(), address.sun_path);
  if (name.front() == '@') address.sun_path[0] = '\0';
  const int fd = ::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (fd < 0) return Error::from_errno(errno, what);
  const auto length = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + name.size());
  const auto sent = ::sendto(fd, state.data(), state.size(), MSG_NOSIGNAL,
                             reinterpret_cast<const sockaddr*>(&address), length);
  const int error = errno;
  ::close(fd);
  return sent < 0 ? Status(Error::from_errno(error, what)) : Status();
}

}  // namespace punchline
