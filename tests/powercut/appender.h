#pragma once

#include <memory>
#include <string>
#include <vector>

#include "buffer/append_writer.h"

namespace punchline::testing {

/// Appends to a buffer as any program does, or as `punchline append` does. Throws
/// std::runtime_error.
class Appender {
 public:
  /// In frames it is the library's writer in any case.
  Appender(const std::string& buffer, Format format, bool as_any_program);
  ~Appender();
  Appender(const Appender&) = delete;
  Appender& operator=(const Appender&) = delete;

  /// In one write(2) if they are not too many.
  void append(const std::vector<std::string>& records);
  int descriptor() const { return fd_; }

 private:
  int fd_ = -1;
  std::unique_ptr<AppendWriter> writer_;
};

}  // namespace punchline::testing
