#include "sinks/wake_fd.h"

#include <cstdint>

#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/timerfd.h>
#include <unistd.h>

namespace punchline {
namespace {

void watch(int epoll, int fd) {
  epoll_event event{};
  event.events = EPOLLIN;
  event.data.fd = fd;
  ::epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event);
}

}  // namespace

WakeFd::WakeFd()
    : event_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)),
      timer_(::timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK)),
      epoll_(::epoll_create1(EPOLL_CLOEXEC)) {
  watch(epoll_, event_);
  watch(epoll_, timer_);
}

WakeFd::~WakeFd() {
  if (leaked_) return;
  ::close(epoll_);
  ::close(timer_);
  ::close(event_);
}

void WakeFd::wake() const {
  ::eventfd_write(event_, 1);
}

void WakeFd::clear() {
  eventfd_t events = 0;
  ::eventfd_read(event_, &events);
  if (!armed_ || Clock::now() < *armed_) return;
  std::uint64_t expirations = 0;
  if (::read(timer_, &expirations, sizeof expirations) > 0) armed_.reset();
}

void WakeFd::wake_at(std::optional<Clock::time_point> when) {
  if (when == armed_) return;  // the usual case: no system call
  armed_ = when;
  itimerspec spec{};
  if (when) {
    // libstdc++'s steady_clock is CLOCK_MONOTONIC. All zero would switch the timer off.
    const auto ns = std::chrono::nanoseconds(when->time_since_epoch()).count();
    spec.it_value.tv_sec = ns / 1'000'000'000;
    spec.it_value.tv_nsec = ns % 1'000'000'000;
  }
  ::timerfd_settime(timer_, TFD_TIMER_ABSTIME, &spec, nullptr);
}

}  // namespace punchline
