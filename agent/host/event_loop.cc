#include "agent/host/event_loop.h"

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <string>

#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <unistd.h>

namespace punchline {
namespace {

int timeout_ms(TimePoint now, TimePoint until) {
  if (until <= now) return 0;
  const auto left = until - now;
  if (left > std::chrono::hours(1)) return 3'600'000;
  return static_cast<int>(std::chrono::ceil<std::chrono::milliseconds>(left).count());
}

}  // namespace

EventLoop::~EventLoop() {
  if (epoll_fd_ >= 0) ::close(epoll_fd_);
  if (signal_fd_ >= 0) ::close(signal_fd_);
}

Status EventLoop::add(int fd) {
  epoll_event event{};
  event.events = EPOLLIN;
  event.data.fd = fd;
  if (::epoll_ctl(epoll_fd_, EPOLL_CTL_ADD, fd, &event) == 0) return {};
  return Error::from_errno(errno, "epoll_ctl");
}

Status EventLoop::open(int files_fd) {
  sigset_t signals;
  sigemptyset(&signals);
  for (const int each : {SIGTERM, SIGINT, SIGHUP})
    sigaddset(&signals, each);
  ::pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  // A pipe or socket whose reader has gone is an error to handle, not a reason to die.
  ::signal(SIGPIPE, SIG_IGN);
  epoll_fd_ = ::epoll_create1(EPOLL_CLOEXEC);
  if (epoll_fd_ < 0) return Error::from_errno(errno, "epoll_create1");
  signal_fd_ = ::signalfd(-1, &signals, SFD_NONBLOCK | SFD_CLOEXEC);
  if (signal_fd_ < 0) return Error::from_errno(errno, "signalfd");
  if (const auto added = add(signal_fd_); !added) return added;
  files_fd_ = files_fd;
  if (files_fd_ < 0) return {};
  files_watched_ = true;
  return add(files_fd_);
}

Status EventLoop::watch_sink(int sink_fd) {
  return add(sink_fd);
}

// The descriptor of changed files stays readable until it is drained. If it is not to wake the
// loop, it is taken out of what epoll waits for.
EventLoop::Woken EventLoop::wait(TimePoint now, TimePoint until, bool files) {
  if (files_fd_ >= 0 && files != files_watched_) {
    epoll_event event{};
    event.events = files ? EPOLLIN : 0U;
    event.data.fd = files_fd_;
    ::epoll_ctl(epoll_fd_, EPOLL_CTL_MOD, files_fd_, &event);
    files_watched_ = files;
  }
  Woken woken;
  epoll_event events[4];
  const int count = ::epoll_wait(epoll_fd_, events, 4, timeout_ms(now, until));
  for (int i = 0; i < count; ++i) {
    if (events[i].data.fd == files_fd_) woken.files = true;
    if (events[i].data.fd != signal_fd_) continue;
    signalfd_siginfo info{};
    if (::read(signal_fd_, &info, sizeof info) == static_cast<ssize_t>(sizeof info)) {
      woken.signal = static_cast<int>(info.ssi_signo);
    }
  }
  return woken;
}

}  // namespace punchline
