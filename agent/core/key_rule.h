#pragma once

#include <string>
#include <string_view>

#include "agent/core/config.h"

namespace punchline {

/// The rule that gives a key to records without one, as text that is kept with the buffer
/// (Spread::key_rule): "" for none, "constant K", "json POINTER", "column N SEPARATOR". A rule that
/// is longer than kKeyRuleBytesMax is replaced by its checksum.
std::string key_rule_of(const BufferConfig& config);

/// Replaces the key options of `config` by those of `rule`. False if `rule` does not tell them, as
/// a checksum does not.
bool set_key_rule(BufferConfig& config, std::string_view rule);

/// A JSON pointer (RFC 6901) that is not empty.
bool is_json_pointer(std::string_view text);

}  // namespace punchline
