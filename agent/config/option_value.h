#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <variant>

#include "agent/core/config.h"

namespace punchline {

enum class OptionType : std::uint8_t {
  text,
  boolean,
  count,     ///< A whole number.
  bytes,     ///< A number of bytes, or text with a unit: "64KiB", "1MiB", "2GiB".
  duration,  ///< A number of seconds, or text with a unit: "500ms", "5s", "2m", "1h".
  mode,      ///< File permissions, octal text: "0640".
  choice,    ///< One of the words the option lists.
  pairs,     ///< An object of text values, {"name": "value"}, as JSON from the environment too.
};

/// A value as it was found, before it is known which option it is for.
struct RawValue {
  enum class Kind : std::uint8_t {
    untyped,  ///< From a flag or the environment.
    text,     ///< This and all others: from JSON.
    number,
    boolean,
    object,
    file,   ///< {"file": PATH}, with the path as text: only for Kafka's properties.
    other,  ///< null or an array: fits no option.
  };
  Kind kind = Kind::untyped;
  std::string text;  ///< As it was written.
};

/// Bytes, milliseconds, permission bits and the index of a choice are numbers.
using OptionValue = std::variant<std::string, bool, std::uint64_t, HeaderList>;

/// "64KiB" -> 65536; plain digits are bytes. Empty for anything else, or if it exceeds 64 bits.
std::optional<std::uint64_t> parse_bytes(std::string_view text);
/// "500ms" -> 500, "5" and "5s" -> 5000. Empty for anything else, or if it exceeds 64 bits.
std::optional<std::uint64_t> parse_duration_ms(std::string_view text);

/// "B, KiB, MiB, GiB, TiB" and "ms, s, m, h": for messages.
std::string byte_units();
std::string duration_units();

/// The shortest text that parses back to the same value: "64KiB", "1000", "500ms", "5s".
std::string format_bytes(std::uint64_t bytes);
std::string format_duration_ms(std::uint64_t ms);

}  // namespace punchline
