#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <sys/types.h>

#include "buffer/base/result.h"

namespace punchline {

/// Another process of this program, for the demo. It is killed when the object is destroyed, and by
/// the kernel when the thread that started it ends (prctl(2), PR_SET_PDEATHSIG).
class DemoProcess {
 public:
  /// Runs /proc/self/exe with these arguments and without our PUNCHLINE_ variables. Its stderr is
  /// appended to the file `log`.
  static Result<DemoProcess> start(const std::vector<std::string>& arguments,
                                   const std::string& log);
  DemoProcess(DemoProcess&& other) noexcept : pid_(std::exchange(other.pid_, -1)) {}
  DemoProcess& operator=(DemoProcess&& other) noexcept {
    std::swap(pid_, other.pid_);
    return *this;
  }
  ~DemoProcess();

  pid_t pid() const { return pid_; }
  bool running() const;
  void kill9();
  /// Sends SIGTERM and returns the exit code; empty if it does not end within `limit`, or ends by a
  /// signal.
  std::optional<int> stop(std::chrono::milliseconds limit);

 private:
  explicit DemoProcess(pid_t pid) : pid_(pid) {}

  pid_t pid_;  // -1: it has ended, or was moved from
};

}  // namespace punchline
