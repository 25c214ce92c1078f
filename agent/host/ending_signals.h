#pragma once

#include "buffer/descriptor.h"

namespace punchline {

/// SIGINT, SIGTERM and SIGHUP as a question, for a command that writes to a buffer: one that ends a
/// process in the middle of a write(2) tears the record (buffer/FORMAT.md), and Ctrl-C should not
/// do that. Made before any thread. They stay blocked: what it is for ends with the process.
class EndingSignals {
 public:
  EndingSignals();
  EndingSignals(const EndingSignals&) = delete;
  EndingSignals& operator=(const EndingSignals&) = delete;

  /// Whether one has come by now; waits for it so long.
  bool come(int wait_ms = 0);
  /// Whether one has been met by what was asked so far.
  bool seen() const { return come_; }
  /// Waits for one, or for something to read from `fd`; whether there is that, and no signal.
  bool readable(int fd, bool wait);

 private:
  Descriptor signals_;
  bool come_ = false;
};

}  // namespace punchline
