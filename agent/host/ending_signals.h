#pragma once

#include "buffer/descriptor.h"

namespace punchline {

/// Lets a command that writes to a buffer ask whether SIGINT, SIGTERM or SIGHUP has come. A signal
/// that ends a process in the middle of a write(2) tears the record (buffer/FORMAT.md), and Ctrl-C
/// should not do that. Create it before any thread. The signals stay blocked for good: the command
/// that needs this ends with the process.
class EndingSignals {
 public:
  EndingSignals();
  EndingSignals(const EndingSignals&) = delete;
  EndingSignals& operator=(const EndingSignals&) = delete;

  /// Whether one has come. Waits for one that long at most.
  bool come(int wait_ms = 0);
  /// Whether one of the calls so far has seen one.
  bool seen() const { return come_; }
  /// Looks for a signal and for something to read from `fd`; with `wait`, waits for either. True if
  /// there is something to read and no signal has come.
  bool readable(int fd, bool wait);

 private:
  Descriptor signals_;
  bool come_ = false;
};

}  // namespace punchline
