#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "agent/config/option_value.h"
#include "agent/core/config.h"
#include "agent/core/exit_code.h"

namespace punchline {

/// The place of an option in the config file.
enum class OptionScope : std::uint8_t {
  command,  ///< Not in the file: holds for this one start.
  top,      ///< {"KEY": ...}
  buffer,   ///< {"buffers": [{"KEY": ...}]}
  http,     ///< {"http": {"KEY": ...}}
  kafka,    ///< {"kafka": {"KEY": ...}}, which can hold any other librdkafka property, too
};

/// How an option's value gets into a Config and out of it. Both are null if the loader itself
/// handles the option (config file, brokers, properties).
struct OptionField {
  void (*set)(Config&, BufferConfig&, const OptionValue&) = nullptr;
  OptionValue (*get)(const Config&, const BufferConfig&) = nullptr;
};

/// A row of the option table. Parser, environment, flags, --help and deploy/reference.md are made
/// from these rows only.
struct Option {
  OptionScope scope;
  std::string_view key;
  OptionType type;
  std::string_view help;
  std::string_view flag = {};     ///< "-b,--buffer"; "": no flag.
  std::string_view metavar = {};  ///< The name of the flag's argument in --help.
  std::string_view environment = {};
  std::uint64_t min = 0;  ///< For count, bytes, duration (ms); max 0: no range.
  std::uint64_t max = 0;
  std::string_view choices = {};  ///< "text|json"
  OptionField field = {};
};

std::span<const Option> option_table();

/// The row of a key in its scope; nullptr if there is none.
const Option* find_option(OptionScope scope, std::string_view key);

std::vector<std::string_view> keys_of(OptionScope scope);
/// "buffers[]", "http", "kafka", "the top level", "the command line": for messages.
std::string_view name_of(OptionScope scope);

/// "1 to 64MiB"; "" where there is no range.
std::string range_of(const Option& option);
/// "bytes", "seconds", ...; "" where the type needs no unit.
std::string_view unit_of(const Option& option);
/// The default value; "" where there is none.
std::string default_of(const Option& option);

/// Throws ConfigError(config): `where` has a key that is unknown in its scope. The text names the
/// scope in which the key belongs, or else the nearest known key.
[[noreturn]] void throw_unknown_key(OptionScope scope, std::string_view key,
                                    const std::string& where);

/// The value, checked against the option's type and range. Throws ConfigError(code); the text names
/// `where`, the value and what is allowed.
OptionValue convert(const Option& option, const RawValue& raw, const std::string& where,
                    ExitCode code);

}  // namespace punchline
