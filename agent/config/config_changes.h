#pragma once

#include <string>
#include <vector>

#include "agent/core/config.h"

namespace punchline {

/// The keys that differ and that only a restart can take over: all but the properties of the
/// connection (connection_properties()). "buffers" where these are others; no key twice.
std::vector<std::string> changes_for_a_restart(const Config& running, const Config& wanted);

}  // namespace punchline
