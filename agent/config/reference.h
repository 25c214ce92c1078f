#pragma once

#include <string>

namespace punchline {

/// Exit codes, one a line, for --help.
std::string exit_codes_text();

/// Every option with its config key, environment variable, default and range, for --help.
std::string options_text();

/// deploy/reference.md: options, exit codes and metrics, made from the tables.
std::string reference_page();

}  // namespace punchline
