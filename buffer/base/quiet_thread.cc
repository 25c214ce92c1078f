#include "buffer/base/quiet_thread.h"

#include <system_error>
#include <thread>
#include <utility>

#include <pthread.h>
#include <signal.h>

namespace punchline {
namespace {

Status start_detached(std::function<void()> body) {
  try {
    std::thread(std::move(body)).detach();
    return {};
  } catch (const std::system_error& error) {
    return Error(ErrorKind::io, error.code().value(), "start a thread");
  }
}

}  // namespace

// A new thread inherits the signal mask of the thread that starts it (pthread_sigmask(3)).
Status start_quiet_thread(std::function<void()> body) {
  sigset_t all;
  sigset_t before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  auto started = start_detached(std::move(body));
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
  return started;
}

}  // namespace punchline
