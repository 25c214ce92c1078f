#pragma once

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

/// A log to stderr that drops what is below `lowest`; every line is written at once.
/// A line break or another control character in a text is escaped: one event stays one line.
std::unique_ptr<Log> stderr_log(LogLevel lowest, LogFormat format);

}  // namespace punchline
