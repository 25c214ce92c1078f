#pragma once

#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "agent/config.h"
#include "agent/options.h"

namespace punchline {

/// A flag as it was given: --topic logs, -X acks=all (option "*").
struct FlagValue {
  const Option* option;
  std::string value;
};

using Environment = std::vector<std::pair<std::string, std::string>>;

struct LoadedConfig {
  Config config;
  std::vector<std::string> warnings;  ///< Variables that look like ours and are not.
};

/// Whether librdkafka has a property of that name.
using KnowsProperty = std::function<bool(const std::string& name)>;

/// Flags over environment over file; what "config" names among the first two is the file.
///
/// Throws ConfigError: `usage` for a flag's value and for what is missing when there is no file,
/// otherwise `config`. Whether librdkafka accepts its properties is not looked at here;
/// `knows_property` only tells a property in the environment from another program's variable.
LoadedConfig load_config(const std::vector<FlagValue>& flags, const Environment& environment,
                         const KnowsProperty& knows_property);

/// The variables of this process.
Environment process_environment();

}  // namespace punchline
