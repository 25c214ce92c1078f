#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "agent/config/options.h"

namespace punchline {

/// One key of the config file, not yet looked up in the option table.
struct FileEntry {
  OptionScope scope;
  std::size_t buffer = 0;  ///< For scope `buffer`: the index in "buffers".
  std::string key;
  RawValue value;
  std::string where;  ///< For messages: "/etc/punchline.json: buffers[0].topic"
};

struct ConfigFile {
  std::vector<FileEntry> entries;
  std::size_t buffers = 0;
};

/// Whether reading may wait. A start may wait for its config (`-c <(...)`, a pipe as standard
/// input); a running agent must not.
enum class ConfigReading : std::uint8_t { may_wait, regular_files_only };

/// Reads a config file. Throws ConfigError(config) if it cannot be read.
std::string read_config_file(const std::string& path, ConfigReading reading);

/// The pairs of a JSON object of text values, in its order; of a name that comes twice the last
/// value. Empty for anything else.
std::optional<HeaderList> parse_text_pairs(const std::string& text);

/// Parses JSON with comments. `name` is the name of the file in messages. Throws
/// ConfigError(config): not JSON (name:line:column), a key twice, a section of the wrong type, a
/// top-level key that is neither a section nor an option.
ConfigFile parse_config_file(std::string_view text, const std::string& name);

}  // namespace punchline
