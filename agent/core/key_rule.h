#pragma once

#include <string>
#include <string_view>

#include "agent/core/config.h"

namespace punchline {

/// What decides the key of records that have none of their own, as text that is kept with the
/// buffer (Spread::key_rule): "" for none, "constant K", "json POINTER", "column N SEPARATOR". Of
/// one that is longer than kKeyRuleBytesMax there is only a checksum.
std::string key_rule_of(const BufferConfig& config);

/// Sets what `rule` says instead of what stands there; false where it does not say it.
bool set_key_rule(BufferConfig& config, std::string_view rule);

/// RFC 6901.
bool is_json_pointer(std::string_view text);

}  // namespace punchline
