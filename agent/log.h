#pragma once

#include <cstdint>
#include <memory>
#include <string_view>
#include <utility>

#include <fmt/core.h>

#include "agent/log_level.h"

namespace punchline {

/// Where the agent says what happened: one line per event, with what happens next.
///
/// Handed to whoever needs it; there is no global logger. write() may be called from any thread.
class Log {
 public:
  virtual ~Log() = default;
  virtual void write(LogLevel level, std::string_view text) = 0;
  /// Lines that nobody read in time, and that are gone.
  virtual std::uint64_t dropped() const { return 0; }

  template <class... Args>
  void debug(fmt::format_string<Args...> format, Args&&... args) {
    write(LogLevel::debug, fmt::format(format, std::forward<Args>(args)...));
  }
  template <class... Args>
  void info(fmt::format_string<Args...> format, Args&&... args) {
    write(LogLevel::info, fmt::format(format, std::forward<Args>(args)...));
  }
  template <class... Args>
  void warning(fmt::format_string<Args...> format, Args&&... args) {
    write(LogLevel::warning, fmt::format(format, std::forward<Args>(args)...));
  }
  template <class... Args>
  void error(fmt::format_string<Args...> format, Args&&... args) {
    write(LogLevel::error, fmt::format(format, std::forward<Args>(args)...));
  }
};

/// A log to stderr that leaves out what is below `lowest`. write() waits for nobody: a thread of its
/// own writes (LogWriter), and what is still to be written when the log goes has half a second.
/// A line break or another control character in a text is escaped: one event stays one line.
std::unique_ptr<Log> stderr_log(LogLevel lowest, LogFormat format);

}  // namespace punchline
