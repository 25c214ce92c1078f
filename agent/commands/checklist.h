#pragma once

#include <string>

#include "agent/core/config.h"
#include "agent/core/exit_code.h"
#include "buffer/base/result.h"

namespace punchline {

/// The lines that `check` prints, one for each thing that `run` would need.
class Checklist {
 public:
  void yes(const std::string& text);
  /// `run` would end with `code` because of this, or not do what it is for. The first one is the
  /// code of `check`.
  void no(ExitCode code, const std::string& text);
  /// `run` would go on, but not as well as it could.
  void note(const std::string& text);

  ExitCode code() const { return code_; }

 private:
  static void print(const char* word, const std::string& text);

  ExitCode code_ = ExitCode::ok;
};

/// Path, filesystem, state and lock of one buffer. Changes nothing that stays.
void check_buffer(const BufferConfig& config, Checklist& list);

}  // namespace punchline
