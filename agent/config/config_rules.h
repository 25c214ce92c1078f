#pragma once

#include "agent/core/config.h"
#include "agent/core/exit_code.h"

namespace punchline {

/// Checks the rules between options, and those for text that has a form of its own: buffers, topics
/// and brokers are given, no file is given twice, an address is an address.
///
/// Throws ConfigError, with the code `missing` if something that is needed was not given, else with
/// `config`. Looks at paths to tell whether two name the same file; opens nothing.
void check_config(const Config& config, ExitCode missing);
/// Whether brokers are given, by one of the names librdkafka has for them.
bool has_brokers(const Config& config);

/// Adds the quarantine of each buffer that has a dead_letter_topic as a buffer of its own, to be
/// sent to that topic. Throws ConfigError(config) if the operator has named it as a buffer already.
void add_quarantines(Config& config);

}  // namespace punchline
