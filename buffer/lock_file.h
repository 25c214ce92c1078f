#pragma once

#include <chrono>
#include <cstdint>
#include <string>

#include "buffer/base/result.h"
#include "buffer/descriptor.h"
#include "buffer/posix_file.h"

namespace punchline {

/// The file beside a buffer in which those who work on it lock bytes (buffer/FORMAT.md, "Who may
/// work on it").
///
/// No lock of ours stands on the buffer itself: flock(1), PHP's LOCK_EX, lockf(3) and Java's
/// FileChannel.lock() there belong to its writers, and the last two reach up to the last byte a
/// file can have. One lock file serves a buffer, its quarantine and the files that it was renamed
/// to: each inode has bytes of its own in it. OFD locks (fcntl(2)), which end with the descriptor.
/// Empty, and never deleted by us, since somebody may be about to open it. Move-only; one thread.
class LockFile {
 public:
  enum class Byte : std::uint8_t {
    agent,    ///< Of the one agent or reader of the inode.
    offsets,  ///< Of whoever relies on what stands where: a writer while it decides the format by
              ///< its first write or takes a torn record back, the agent while it collapses.
  };

  /// "BUFFER.agent"; of a quarantine that of its buffer.
  static std::string path_for(const std::string& buffer_path);

  /// Opens it for locking bytes of `buffer`, made where it is missing with the buffer's mode, owner
  /// and group as far as we may set them. `refused`: something else has the name, or it is somebody
  /// else's in a sticky folder; `denied`, `not_found`, `no_space`, `io` as they come.
  static Result<LockFile> open(const PosixFile& buffer, const std::string& path);
  /// Opens it for asking alone, and makes nothing.
  static Result<LockFile> open_to_ask(const PosixFile& buffer, const std::string& path);

  /// `busy` at once where another has it. Others: there are no such locks here.
  Status try_lock(Byte byte) const { return file_.try_lock_byte(offset_of(byte)); }
  /// The same after having waited for so long.
  Status lock(Byte byte, std::chrono::milliseconds patience) const {
    return file_.lock_byte(offset_of(byte), patience);
  }
  /// try_lock() for as long as what is returned lives.
  Result<Descriptor> hold(Byte byte) const;
  /// Whether another has it. False where there are no such locks.
  bool is_locked(Byte byte) const;

  /// Names this very file while anybody has it open: "major:minor:inode".
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
