#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

namespace punchline {

/// Writes lines to a descriptor from a thread of its own, so that nobody waits for whoever reads
/// them: a pipe without a reader, a terminal stopped by ^S, a log file on a slow disk.
///
/// What finds no room in memory is dropped and counted. Any thread may call it. The thread takes no
/// signals. Where none can be started, write() writes by itself and may wait.
class LogWriter {
 public:
  struct Limits {
    std::size_t waiting_bytes_max = 1 << 20;
    std::chrono::milliseconds last_words{500};  ///< The destructor waits for so long.
  };

  /// `fd` stays the caller's, and open for as long as the process lives.
  LogWriter(int fd, Limits limits);
  explicit LogWriter(int fd) : LogWriter(fd, Limits()) {}
  /// Waits for what is still to be written, for last_words at most; then it is left behind.
  ~LogWriter();
  LogWriter(const LogWriter&) = delete;
  LogWriter& operator=(const LogWriter&) = delete;

  /// Takes a line with its line break. False: there was no room, the line is dropped.
  bool write(std::string line);
  /// Lines dropped so far.
  std::uint64_t dropped() const;

  struct State;

 private:
  const Limits limits_;
  std::shared_ptr<State> state_;  // shared with the thread, which may outlive us
};

}  // namespace punchline
