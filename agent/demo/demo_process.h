#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <sys/types.h>

#include "buffer/base/result.h"

namespace punchline {

/// Another copy of this program, for the demo. It is killed when the object goes, and by the
/// kernel when the thread that started it ends (prctl(2), PR_SET_PDEATHSIG).
class DemoProcess {
 public:
  /// Runs /proc/self/exe with these arguments and none of our PUNCHLINE_ variables; stderr is
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
  /// SIGTERM, and its exit code; nothing if it does not end within `limit` or by a signal.
  std::optional<int> stop(std::chrono::milliseconds limit);

 private:
  explicit DemoProcess(pid_t pid) : pid_(pid) {}

  pid_t pid_;  // -1: over, or moved away
};

}  // namespace punchline
