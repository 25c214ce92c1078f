#pragma once

#include <memory>

#include "agent/core/config.h"
#include "agent/core/key_source.h"

namespace punchline {

/// Makes the source for key_constant, key_json or key_column; nullptr if none of them is set.
std::unique_ptr<KeySource> make_key_source(const BufferConfig& config);

}  // namespace punchline
