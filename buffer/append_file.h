#pragma once

#include <chrono>
#include <memory>
#include <string>
#include <string_view>

#include "buffer/base/byte_range.h"
#include "buffer/base/result.h"
#include "buffer/buffer_file.h"

namespace punchline {

/// A buffer as a writer meets it: the seam below AppendWriter. PosixAppendFile implements it on the
/// Linux kernel; the tests have one in memory. One thread.
class AppendFile {
 public:
  virtual ~AppendFile() = default;

  /// The same file, to be read, and for its attributes.
  virtual BufferFile& file() = 0;

  /// One write(2) with O_APPEND, which may be short. Returns the offsets at which the bytes landed;
  /// no bytes of another writer are between them. Errors: `no_space`, `io`.
  virtual Result<OffsetRange> append(std::string_view bytes) = 0;
  /// Writes over bytes that are in the file, whoever appends meanwhile. Errors: `no_space` (btrfs
  /// writes nothing in place), `io`.
  virtual Status overwrite(Offset at, std::string_view bytes) = 0;
  /// fdatasync(2) of what append() has written.
  virtual Status sync() = 0;

  /// False once the file was deleted or renamed. Errors: `io`.
  virtual Result<bool> has_its_name() = 0;

  /// While it lives no collapse moves the bytes of the file, and no other writer has a Hold.
  class Hold {
   public:
    virtual ~Hold() = default;
    /// LockFile::identity() of the lock file that it is taken on.
    virtual const std::string& lock_file() const = 0;
  };
  /// nullptr if no lock file can be had. Errors: `busy` if it was not granted within `patience`.
  virtual Result<std::unique_ptr<Hold>> hold_offsets(std::chrono::milliseconds patience) = 0;
};

}  // namespace punchline
