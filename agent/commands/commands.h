#pragma once

#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "agent/core/config.h"
#include "agent/core/exit_code.h"
#include "agent/core/log.h"
#include "buffer/state.h"

namespace punchline {

/// The subcommands, each in command_NAME.cc. What they print for people goes to stdout,
/// what went wrong to stderr or the log; the return value is the program's exit code.

struct AppendOptions {
  std::string path;
  Format format = Format::lines;
  std::optional<std::string> key;                            ///< Only in format frames.
  std::vector<std::pair<std::string, std::string>> headers;  ///< Only in format frames.
  bool sync = false;                                         ///< fdatasync before the end.
};

/// For inspect and verify.
struct InspectOptions {
  std::string path;
  bool json = false;
};

struct RequeueOptions {
  std::string quarantine;
  std::string buffer;  ///< Empty: the one that the quarantine's name says.
  bool force = false;  ///< Also what is not proved whole, or of another UUID.
};

/// Reads the configuration again, from where it came; throws ConfigError.
using Reload = std::function<Config()>;

/// Forwards until SIGTERM or, with `once`, until what is there has gone.
ExitCode command_run(const Config& config, const Reload& reload, Log& log);
/// One yes or no line about each thing that `run` would need; leaves nothing changed.
ExitCode command_check(const Config& config);
/// Broker, producer, agent and a kill -9 in one terminal, with an account at the end.
ExitCode command_demo();
/// stdin to a buffer.
ExitCode command_append(const AppendOptions& options);
/// State, ranges and holes of a buffer; changes nothing.
ExitCode command_inspect(const InspectOptions& options);

/// Whether a buffer is sound, with what is not; changes nothing.
ExitCode command_verify(const InspectOptions& options);
/// What a quarantine holds back to its buffer.
ExitCode command_requeue(const RequeueOptions& options, Log& log);

}  // namespace punchline
