#pragma once

#include <cstdint>

namespace punchline {

/// What a log line asks of its reader.
enum class LogLevel : std::uint8_t {
  debug,    ///< For somebody who looks for a fault.
  info,     ///< Something began or ended as it should.
  warning,  ///< Needs attention some day; the agent goes on and says how.
  error,    ///< Needs attention now.
};

/// Text for people, or one JSON object a line for collectors.
enum class LogFormat : std::uint8_t { text, json };

}  // namespace punchline
