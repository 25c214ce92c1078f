#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <sys/types.h>

#include "tests/support/eventually.h"

namespace punchline::testing {

struct Command {
  std::vector<std::string> argv;  ///< argv[0] is looked for in PATH.
  std::vector<std::string> environment =
      {};                                ///< "NAME=value", beside what we have but for PUNCHLINE_*.
  std::string stdin_path = "/dev/null";  ///< Empty: a pipe, see Process::send().
  std::string stdout_path = {};          ///< Empty: kept in memory, see Process::out().
  std::string stderr_path = {};          ///< Empty: kept in memory, see Process::err().
};

/// How a process ended, and what it used.
struct Exit {
  int code = -1;                        ///< What it returned; -1 if a signal ended it.
  int signal = 0;                       ///< The signal that ended it, or 0.
  std::chrono::duration<double> cpu{};  ///< User and system time, with its waited-for children.
  std::uint64_t rss_bytes_max = 0;      ///< Peak resident memory.
  std::uint64_t bytes_written = 0;      ///< What its write(2) calls wrote, on any descriptor, also
                                        ///< those that a kill cut short (/proc/PID/io, wchar).
  std::uint64_t writes = 0;             ///< How many these were (syscw).
};

/// One child process. It is killed, with its process group, when the object or the test goes.
///
/// The thread that starts it must live as long as the process should: PR_SET_PDEATHSIG (prctl(2))
/// means the starting thread. Anything that should not fail throws std::runtime_error.
class Process {
 public:
  explicit Process(const Command& command);
  ~Process();  // NOLINT(bugprone-exception-escape)
  Process(const Process&) = delete;
  Process& operator=(const Process&) = delete;

  pid_t pid() const { return pid_; }
  const std::string& title() const { return title_; }  ///< The command, for messages.

  /// Waits for its end. Empty if it still runs after `limit`.
  std::optional<Exit> wait(Clock::duration limit);
  /// wait(), but throws with the process's own words if it did not end in time.
  Exit finish(Clock::duration limit);
  bool running() { return !wait(Clock::duration::zero()); }

  void signal(int number) const;  ///< To the process alone.
  Exit kill9();                   ///< SIGKILL to its group, and waits.

  void send(std::string_view text) const;  ///< To its standard input, which must be a pipe.
  void close_input();

  std::string out() const;  ///< What it has said so far on standard output.
  std::string err() const;

 private:
  std::string title_;
  pid_t pid_ = -1;
  int pid_fd_ = -1;
  int in_ = -1;
  int out_ = -1;
  int err_ = -1;
  std::optional<Exit> exit_;
};

/// Runs a command to its end. Throws if that takes longer than `limit`.
struct Finished {
  Exit exit;
  std::string out;
  std::string err;
};
Finished run(const Command& command, Clock::duration limit = std::chrono::seconds(60));

/// CPU time used so far by the threads of a living process.
struct ThreadTimes {
  std::chrono::nanoseconds client{};  ///< librdkafka's own threads (named "rdk:...").
  std::chrono::nanoseconds ours{};    ///< All others.
  std::chrono::nanoseconds all() const { return client + ours; }
};
/// From /proc/PID/task/*/schedstat, which counts nanoseconds (proc_pid_schedstat).
ThreadTimes thread_times(pid_t pid);

}  // namespace punchline::testing
