#pragma once

#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "agent/config/config_file.h"
#include "agent/config/options.h"
#include "agent/core/config.h"
#include "buffer/base/result.h"

namespace punchline {

/// A flag as given on the command line: --topic logs, -X acks=all (option "*").
struct FlagValue {
  const Option* option;
  std::string value;
};

using Environment = std::vector<std::pair<std::string, std::string>>;

struct LoadedConfig {
  Config config;
  std::vector<std::string> warnings;  ///< Sentences: what was ignored, or is hardly what was meant.
};

/// Whether librdkafka has a property of that name; the error says what may have been meant.
using CheckProperty = std::function<Status(const std::string& name)>;

/// Merges flags, environment and file: flags win over the environment, which wins over the file.
/// The option "config", from a flag or the environment, names the file.
///
/// Throws ConfigError: `usage` for a flag's value and, when there is no file, for what is missing;
/// otherwise `config`. Does not check whether librdkafka accepts its properties. `check_property`
/// tells a property in the environment from a variable of another program, and brokers that were
/// not given from brokers that were given under a name that does not exist.
LoadedConfig load_config(const std::vector<FlagValue>& flags, const Environment& environment,
                         const CheckProperty& check_property,
                         ConfigReading reading = ConfigReading::may_wait);

/// The variables of this process.
Environment process_environment();

}  // namespace punchline
