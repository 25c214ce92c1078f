#pragma once

#include <cstdint>
#include <string_view>
#include <utility>

#include <fmt/core.h>

#include "agent/core/format.h"
#include "agent/core/log_level.h"

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

}  // namespace punchline
