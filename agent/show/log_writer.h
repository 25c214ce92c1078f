#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

namespace punchline {

/// Writes lines to a descriptor from a thread of its own, so that no caller waits for the reader: a
/// pipe that nobody reads, a terminal stopped by ^S, a log file on a slow disk.
///
/// Lines for which there is no room in memory are dropped and counted. Any thread may call it. Its
/// thread takes no signals. If no thread can be started, write() itself writes, and may wait.
class LogWriter {
 public:
  struct Limits {
    std::size_t waiting_bytes_max = 1 << 20;
    std::chrono::milliseconds last_words{500};  ///< How long the destructor waits at most.
  };

  /// The caller keeps `fd`, which must stay open for as long as the process lives.
  LogWriter(int fd, Limits limits);
  explicit LogWriter(int fd) : LogWriter(fd, Limits()) {}
  /// Waits, for last_words at most, until all lines are written. The rest is left to the thread,
  /// which may outlive this.
  ~LogWriter();
  LogWriter(const LogWriter&) = delete;
  LogWriter& operator=(const LogWriter&) = delete;

  /// Takes a line with its line break. False: there is no room, and the line is dropped.
  bool write(std::string line);
  /// Lines dropped so far.
  std::uint64_t dropped() const;

  struct State;

 private:
  const Limits limits_;
  std::shared_ptr<State> state_;  // shared with the thread, which may outlive us
};

}  // namespace punchline
