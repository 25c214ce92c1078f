#pragma once

#include <stdexcept>
#include <string>

#include "agent/core/exit_code.h"

namespace punchline {

/// Why the program does not start. Thrown while arguments and configuration are read, caught by
/// main, nowhere else. The text is one line for the operator.
class ConfigError : public std::runtime_error {
 public:
  ConfigError(ExitCode code, const std::string& text) : std::runtime_error(text), code_(code) {}
  ExitCode code() const { return code_; }

 private:
  ExitCode code_;
};

/// A file that is to hold a secret cannot be read, or holds none. A later try may succeed.
class SecretFileError : public ConfigError {
 public:
  using ConfigError::ConfigError;
};

}  // namespace punchline
