#pragma once

#include "agent/core/config.h"
#include "agent/core/exit_code.h"

namespace punchline {

/// The rules that hold between options, and for text that has a form of its own: buffers, topics
/// and brokers are given, no file twice, an address is an address.
///
/// Throws ConfigError; with `missing` as code where something that is needed was not given, else
/// with `config`. Looks at paths to tell whether two name the same file; opens nothing.
void check_config(const Config& config, ExitCode missing);
/// Whether brokers are given, by one of the names librdkafka has for them.
bool has_brokers(const Config& config);

/// Adds the quarantine of each buffer with a dead-letter topic as a buffer of its own, on its way
/// to that topic. Throws ConfigError(config) where the operator has named it already.
void add_quarantines(Config& config);

}  // namespace punchline
