#pragma once

#include <chrono>
#include <cstdint>
#include <string>

#include "buffer/base/result.h"
#include "buffer/descriptor.h"
#include "buffer/posix_file.h"

namespace punchline {

/// The file beside a buffer in which the processes that work on it lock bytes (buffer/FORMAT.md,
/// "Who may work on it").
///
/// We never lock the buffer itself: flock(1), PHP's LOCK_EX, lockf(3) and Java's FileChannel.lock()
/// there belong to its writers, and the last two reach up to the last byte a file can have. One
/// lock file serves a buffer, its quarantine and the files that it was renamed to: each inode has
/// its own bytes in it. The locks are OFD locks (fcntl(2)), which end with the descriptor. The file
/// is empty. We never delete it, since another process may be about to open it. Move-only; one
/// thread.
class LockFile {
 public:
  enum class Byte : std::uint8_t {
    agent,    ///< Locked by the one agent or reader of the inode.
    offsets,  ///< Locked by a process that relies on file offsets: a writer while it decides the
              ///< format by its first write or takes a torn record back, the agent while it
              ///< collapses.
  };

  /// "BUFFER.agent"; a quarantine has that of its buffer.
  static std::string path_for(const std::string& buffer_path);

  /// Opens the lock file to lock bytes for `buffer`. If it is missing, it is made with the buffer's
  /// mode, owner and group, if we may set them. `refused`: something else has the name, or the file
  /// is somebody else's in a sticky folder; `denied`, `not_found`, `no_space`, `io` as they come.
  static Result<LockFile> open(const PosixFile& buffer, const std::string& path);
  /// Opens it to ask about locks only. Never makes it.
  static Result<LockFile> open_to_ask(const PosixFile& buffer, const std::string& path);

  /// `busy`, at once, if another process has the byte. Other errors: there are no such locks here.
  Status try_lock(Byte byte) const { return file_.try_lock_byte(offset_of(byte)); }
  /// The same, but waits up to `patience` for the byte.
  Status lock(Byte byte, std::chrono::milliseconds patience) const {
    return file_.lock_byte(offset_of(byte), patience);
  }
  /// As try_lock(), but the lock ends when the returned descriptor is closed.
  Result<Descriptor> hold(Byte byte) const;
  /// Whether another process has the byte. False if there are no such locks here.
  bool is_locked(Byte byte) const;

  /// "major:minor:inode" of the lock file, which names no other file while anybody has it open.
  const std::string& identity() const { return identity_; }

 private:
  LockFile(Descriptor file, std::string identity, std::uint64_t inode)
      : file_(std::move(file)), identity_(std::move(identity)), inode_(inode) {}
  static Result<LockFile> on(const PosixFile& buffer, const PosixFile& lock_file, int flags);
  std::uint64_t offset_of(Byte byte) const;

  Descriptor file_;
  std::string identity_;
  std::uint64_t inode_;  // of the buffer
};

}  // namespace punchline
