#pragma once

#include <string>

#include "agent/core/config.h"
#include "agent/core/exit_code.h"
#include "buffer/base/result.h"

namespace punchline {

/// Prints the lines of `check`, one for each thing that `run` would need, and keeps its exit code.
class Checklist {
 public:
  void yes(const std::string& text);
  /// Because of this `run` would end with `code`, or would not serve its purpose. The first code is
  /// that of `check`.
  void no(ExitCode code, const std::string& text);
  /// `run` would go on, but not as well as it could.
  void note(const std::string& text);

  ExitCode code() const { return code_; }

 private:
  static void print(const char* word, const std::string& text);

  ExitCode code_ = ExitCode::ok;
};

/// Checks path, filesystem, state and lock of one buffer. Changes nothing that stays.
void check_buffer(const BufferConfig& config, Checklist& list);

}  // namespace punchline
