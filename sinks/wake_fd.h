#pragma once

#include <chrono>
#include <cstddef>
#include <optional>

namespace punchline {

/// One descriptor that becomes readable for two reasons: somebody called wake(), or a time came.
///
/// An epoll descriptor over an eventfd and a timerfd (epoll(7), eventfd(2), timerfd_create(2)).
/// It can be waited for in another epoll. wake() may be called by any thread, the rest by the
/// owner's alone. Where the kernel gives no descriptors, fd() is -1 and nothing ever wakes.
class WakeFd {
 public:
  using Clock = std::chrono::steady_clock;

  WakeFd();
  ~WakeFd();
  WakeFd(const WakeFd&) = delete;
  WakeFd& operator=(const WakeFd&) = delete;

  /// What to wait on. Stays the same for life.
  int fd() const { return epoll_; }
  /// The eventfd alone, for those who write 8 bytes into it themselves.
  int event_fd() const { return event_; }

  void wake() const;
  /// Takes back earlier wakes and expired times, so that fd() is not readable any more.
  void clear();
  /// Readable at `when`; nothing switches the time off.
  void wake_at(std::optional<Clock::time_point> when);

  /// Leaves the descriptors open for ever: somebody may still write into them.
  void leak() { leaked_ = true; }

 private:
  int event_;
  int timer_;
  int epoll_;
  bool leaked_ = false;
  std::optional<Clock::time_point> armed_;
};

}  // namespace punchline
