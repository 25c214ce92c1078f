#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "agent/config.h"
#include "agent/exit_code.h"
#include "agent/log.h"

namespace punchline {

/// The subcommands, each in agent/command_NAME.cc. What they print for people goes to stdout,
/// what went wrong to stderr or the log; the return value is the program's exit code.

enum class BufferFormat : std::uint8_t { lines, frames };

struct AppendOptions {
  std::string path;
  BufferFormat format = BufferFormat::lines;
  std::string key;                                           ///< Only in format frames.
  std::vector<std::pair<std::string, std::string>> headers;  ///< Only in format frames.
  bool sync = false;                                         ///< fdatasync before the end.
};

struct InspectOptions {
  std::string path;
  bool json = false;
};

/// Forwards until SIGTERM or, with `once`, until what is there has gone.
ExitCode command_run(const Config& config, Log& log);
/// One yes or no line about each thing that `run` would need; leaves nothing changed.
ExitCode command_check(const Config& config);
/// Broker, producer, agent and a kill -9 in one terminal, with an account at the end.
ExitCode command_demo();
/// stdin to a buffer.
ExitCode command_append(const AppendOptions& options);
/// State, ranges and holes of a buffer; changes nothing.
ExitCode command_inspect(const InspectOptions& options);

}  // namespace punchline
