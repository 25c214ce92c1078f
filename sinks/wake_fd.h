#pragma once

#include <chrono>
#include <cstddef>
#include <optional>

namespace punchline {

/// One descriptor that becomes readable for two reasons: wake() was called, or a time has come.
///
/// It is an epoll descriptor over an eventfd and a timerfd (epoll(7), eventfd(2),
/// timerfd_create(2)), and can itself be waited for in another epoll. Any thread can call wake();
/// only the owner's thread calls the rest. If the kernel gives no descriptors, fd() is -1 and
/// nothing ever wakes.
class WakeFd {
 public:
  using Clock = std::chrono::steady_clock;

  WakeFd();
  ~WakeFd();
  WakeFd(const WakeFd&) = delete;
  WakeFd& operator=(const WakeFd&) = delete;

  /// The descriptor to wait on. It never changes.
  int fd() const { return epoll_; }
  /// The eventfd alone, for code that writes 8 bytes to it directly.
  int event_fd() const { return event_; }

  void wake() const;
  /// Takes back earlier wakes and expired times, so that fd() is not readable any more.
  void clear();
  /// Makes fd() readable at `when`. Empty: switches the timer off.
  void wake_at(std::optional<Clock::time_point> when);

  /// Leaves the descriptors open for ever, since a client that does not end may still write to
  /// them.
  void leak() { leaked_ = true; }

 private:
  int event_;
  int timer_;
  int epoll_;
  bool leaked_ = false;
  std::optional<Clock::time_point> armed_;
};

}  // namespace punchline
