#pragma once

#include <string>
#include <vector>

#include "agent/core/config.h"

namespace punchline {

/// The keys that differ and can be taken over only by a restart: all but the properties of the
/// connection (connection_properties()). Only "buffers" if the buffers are others. No key twice.
std::vector<std::string> changes_for_a_restart(const Config& running, const Config& wanted);

}  // namespace punchline
