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

/// A flag as it was given: --topic logs, -X acks=all (option "*").
struct FlagValue {
  const Option* option;
  std::string value;
};

using Environment = std::vector<std::pair<std::string, std::string>>;

struct LoadedConfig {
  Config config;
  std::vector<std::string> warnings;  ///< Sentences: what was ignored, or is hardly meant so.
};

/// Whether librdkafka has a property of that name; the error says what may have been meant.
using CheckProperty = std::function<Status(const std::string& name)>;

/// Flags over environment over file; what "config" names among the first two is the file.
///
/// Throws ConfigError: `usage` for a flag's value and for what is missing when there is no file,
/// otherwise `config`. Whether librdkafka accepts its properties is not looked at here;
/// `check_property` tells a property in the environment from another program's variable, and
/// brokers that were not given from those given under a name that there is not.
LoadedConfig load_config(const std::vector<FlagValue>& flags, const Environment& environment,
                         const CheckProperty& check_property,
                         ConfigReading reading = ConfigReading::may_wait);

/// The variables of this process.
Environment process_environment();

}  // namespace punchline
