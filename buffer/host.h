#pragma once

#include <string>

namespace punchline {

/// gethostname(2); "unknown" where it fails. In a container its own.
std::string host_name();

/// fold_boot_id() of the running boot in 16 hex digits; empty where it cannot be had.
std::string boot_text();

/// 64 bits of getrandom(2) in 16 hex digits.
std::string random_token();

/// CLOCK_REALTIME as "2026-01-31T12:00:00Z".
std::string now_utc();

}  // namespace punchline
