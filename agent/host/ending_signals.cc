#include "agent/host/ending_signals.h"

#include <array>
#include <csignal>

#include <poll.h>
#include <sys/signalfd.h>

namespace punchline {

EndingSignals::EndingSignals() {
  sigset_t ending;
  sigemptyset(&ending);
  for (const int signal : {SIGINT, SIGTERM, SIGHUP}) {
    sigaddset(&ending, signal);
  }
  ::sigprocmask(SIG_BLOCK, &ending, nullptr);
  signals_ = Descriptor(::signalfd(-1, &ending, SFD_CLOEXEC), "signals");
}

bool EndingSignals::come(int wait_ms) {
  pollfd asked{signals_.fd(), POLLIN, 0};
  come_ = come_ || ::poll(&asked, 1, wait_ms) > 0;
  return come_;
}

bool EndingSignals::readable(int fd, bool wait) {
  std::array<pollfd, 2> asked{{{fd, POLLIN, 0}, {signals_.fd(), POLLIN, 0}}};
  if (::poll(asked.data(), asked.size(), wait ? -1 : 0) < 0) return false;
  come_ = come_ || asked[1].revents != 0;
  return asked[0].revents != 0 && !come_;
}

}  // namespace punchline
