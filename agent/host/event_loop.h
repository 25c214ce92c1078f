#pragma once

#include <csignal>
#include <functional>
#include <optional>

#include "buffer/base/clock.h"
#include "buffer/base/result.h"

namespace punchline {

/// Waits by epoll(7) for everything that can wake the agent: signals, the sink, changed files, the
/// time. One thread.
class EventLoop {
 public:
  /// What woke wait().
  struct Woken {
    bool files = false;         ///< The change watch is readable.
    std::optional<int> signal;  ///< SIGTERM, SIGINT or SIGHUP.
  };

  EventLoop() = default;
  ~EventLoop();
  EventLoop(const EventLoop&) = delete;
  EventLoop& operator=(const EventLoop&) = delete;

  /// `files_fd` may be -1. From here on the three signals no longer end the process. Call it before
  /// any thread is started, so that all threads inherit the signal mask.
  Status open(int files_fd);
  /// Also wakes when the sink's descriptor is readable.
  Status watch_sink(int sink_fd);

  /// Returns when something has happened, or at `until`. While `files` is false the change watch is
  /// not looked at, so that many single appends wake us once.
  Woken wait(TimePoint now, TimePoint until, bool files);

 private:
  Status add(int fd);

  int epoll_fd_ = -1;
  int signal_fd_ = -1;
  int files_fd_ = -1;
  bool files_watched_ = false;
};

}  // namespace punchline
