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

/// The subcommands, each in command_NAME.cc. Their output for people goes to stdout, errors go to
/// stderr or the log. They return the program's exit code.

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
  std::string buffer;  ///< Empty: the one in the quarantine's name.
  bool force = false;  ///< Also entries that are not proved whole, or come from another UUID.
};

/// Reads the configuration again, from the same sources. Throws ConfigError.
using Reload = std::function<Config()>;

/// Forwards until SIGTERM or, with `once`, until what is there has been sent.
ExitCode command_run(const Config& config, const Reload& reload, Log& log);
/// Prints a yes or no line about each thing that `run` would need. Leaves nothing changed.
ExitCode command_check(const Config& config);
/// Broker, producer, agent and a kill -9 in one terminal, with an account at the end.
ExitCode command_demo();
/// Appends stdin to a buffer.
ExitCode command_append(const AppendOptions& options);
/// Shows state, ranges and holes of a buffer. Changes nothing.
ExitCode command_inspect(const InspectOptions& options);

/// Tells whether a buffer is sound, and what is not. Changes nothing.
ExitCode command_verify(const InspectOptions& options);
/// Gives the entries of a quarantine back to its buffer.
ExitCode command_requeue(const RequeueOptions& options, Log& log);

}  // namespace punchline
