#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <cstring>
#include <ctime>
#include <span>
#include <string>
#include <thread>
#include <vector>

#include <poll.h>
#include <sys/eventfd.h>

#include "tests/unit/sinks/silent_port.h"

namespace punchline {

/// What the whole process has used of its processors in the running test.
class ProcessorTime {
 public:
  std::chrono::milliseconds passed() const { return now() - begin_; }

 private:
  static std::chrono::milliseconds now() {
    timespec time{};
    ::clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
    return std::chrono::milliseconds(time.tv_sec * 1000 + time.tv_nsec / 1'000'000);
  }
  std::chrono::milliseconds begin_ = now();
};

/// A port of 127.0.0.1 that speaks Kafka's protocol and, as a controller's, knows no question of
/// clients but the first one (ApiVersions): what else there is, it answers with nothing.
class ControllerPort {
 public:
  ControllerPort() : thread_([this] { serve(); }) {}
  ~ControllerPort() {
    ::eventfd_write(end_, 1);
    thread_.join();
    ::close(end_);
  }
  ControllerPort(const ControllerPort&) = delete;
  ControllerPort& operator=(const ControllerPort&) = delete;

  std::string server() const { return port_.server(); }

 private:
  void serve() {
    std::vector<pollfd> polled = {{end_, POLLIN, 0}, {port_.fd(), POLLIN, 0}};
    while (::poll(polled.data(), polled.size(), -1) > 0 && polled[0].revents == 0) {
      if (polled[1].revents != 0) {
        polled.push_back({::accept4(port_.fd(), nullptr, nullptr, SOCK_CLOEXEC), POLLIN, 0});
      }
      for (auto& each : std::span(polled).subspan(2)) {
        if (each.revents == 0 || answer(each.fd)) continue;
        ::close(each.fd);
        each.fd = -1;  // poll(2) passes over it
      }
    }
    for (const auto& each : std::span(polled).subspan(2))
      if (each.fd >= 0) ::close(each.fd);
  }

  /// A request begins with its size, then key, version and number.
  static bool answer(int fd) {
    std::array<char, 12> head{};
    const auto head_bytes = static_cast<ssize_t>(head.size());
    if (::recv(fd, head.data(), head.size(), MSG_WAITALL) != head_bytes) return false;
    std::uint32_t size = 0;
    std::memcpy(&size, head.data(), sizeof size);
    std::vector<char> rest(ntohl(size) - 8);
    const auto wanted = static_cast<ssize_t>(rest.size());
    if (::recv(fd, rest.data(), rest.size(), MSG_WAITALL) != wanted) return false;
    const bool is_api_versions = head[5] == 18;
    if (!is_api_versions) return true;
    // No error, one entry: ApiVersions (18) from 0 to 3; from version 3 on in the compact form.
    const std::string old("\0\0" "\0\0\0\1" "\0\22" "\0\0" "\0\3", 12);
    const std::string compact("\0\0" "\2" "\0\22" "\0\0" "\0\3" "\0" "\0\0\0\0" "\0", 15);
    const auto body = std::string(&head[8], 4) + (head[7] >= 3 ? compact : old);
    const auto answer = std::string("\0\0\0", 3) + static_cast<char>(body.size()) + body;
    return ::send(fd, answer.data(), answer.size(), MSG_NOSIGNAL) > 0;
  }

  const SilentPort port_;
  const int end_ = ::eventfd(0, EFD_CLOEXEC);
  std::thread thread_;
};

}  // namespace punchline
