#pragma once

#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "agent/commands/commands.h"
#include "agent/config/config_load.h"

namespace punchline {

/// run and check take the same options.
struct RunArguments {
  bool check_only = false;
  std::vector<FlagValue> flags;
};
struct DemoArguments {};

struct VerifyArguments {
  InspectOptions options;
};

/// --help or --version: print this text and end with 0.
struct Information {
  std::string text;
};

using Arguments = std::variant<Information, RunArguments, DemoArguments, AppendOptions,
                               InspectOptions, VerifyArguments, RequeueOptions>;

/// Parses the command line. Throws ConfigError(usage).
Arguments parse_arguments(int argc, const char* const* argv);

}  // namespace punchline
