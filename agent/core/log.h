#pragma once

#include <cstdint>
#include <string_view>
#include <utility>

#include <fmt/core.h>

#include "agent/core/format.h"
#include "agent/core/log_level.h"

namespace punchline {

/// The log of the agent: one line per event, with what happens next.
///
/// It is passed to the code that needs it; there is no global logger. write() may be called from
/// any thread.
class Log {
 public:
  virtual ~Log() = default;
  virtual void write(LogLevel level, std::string_view text) = 0;
  /// How many lines were dropped because nobody read them in time.
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
