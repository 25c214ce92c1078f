#pragma once

#include <string>

namespace punchline {

/// gethostname(2); "unknown" if it fails. In a container, the container's own name.
std::string host_name();

/// fold_boot_id() of the running boot in 16 hex digits; empty if it cannot be read.
std::string boot_text();

/// 64 bits of getrandom(2) in 16 hex digits.
std::string random_token();

/// The wall clock (CLOCK_REALTIME) as "2026-01-31T12:00:00Z".
std::string now_utc();

}  // namespace punchline
