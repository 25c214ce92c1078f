#pragma once

#include <optional>
#include <string>
#include <string_view>

#include <sys/types.h>

#include "buffer/posix_file.h"
#include "buffer/result.h"

namespace punchline {

/// Names the attribute that says who holds the lock: "host=web1 pid=123
/// since=2026-01-31T12:00:00Z".
inline constexpr std::string_view kHolderAttribute = "user.punchline.holder";

struct LockHolder {
  std::string host;
  pid_t pid = 0;
  std::string since;  ///< When it took the lock, UTC.

  /// "pid 123 on web1 since 2026-01-31T12:00:00Z"
  std::string text() const;
  friend bool operator==(const LockHolder&, const LockHolder&) = default;
};

/// The right to be the one agent, or the one reader, of a buffer.
///
/// flock(2), exclusive, on a descriptor of its own that is open for reading only: a writing one
/// would make nobody_writes() false for ever. Beside it an OFD read lock (fcntl(2)) on the same
/// descriptor: it keeps nobody out, but can be asked about without locking anything. Both end with
/// the process, however it ends. Belongs to the inode, so renaming the buffer takes it along.
/// Move-only; the thread that owns it calls it.
class Lock {
 public:
  Lock(Lock&&) = default;
  Lock& operator=(Lock&&) = delete;
  /// Removes the holder attribute if note_holder() has written it, then lets go.
  ~Lock();

  /// `busy` if somebody has it, named in the text where that is known; `unsupported`, `io`.
  static Result<Lock> acquire(const PosixFile& file);

  /// Writes who we are. To be called once the state attribute stands: an attribute that comes
  /// before it would push the state out of the inode (256-byte ext4 inodes). A failure takes
  /// nothing from the lock; it is worth a warning.
  Status note_holder();

  /// Whether anybody holds it. Takes no lock. False where OFD locks are unknown.
  static Result<bool> is_held(const PosixFile& file);

  /// Who holds it, as far as can be believed: nothing if it is free, or if its holder left no name
  /// (an attribute may be left over from a process that was killed).
  static std::optional<LockHolder> holder(const PosixFile& file);

 private:
  explicit Lock(Descriptor held) : held_(std::move(held)) {}

  Descriptor held_;
  bool noted_ = false;
};

/// Text of the attribute to a value and back; nothing if it does not parse.
std::string encode(const LockHolder& holder);
std::optional<LockHolder> decode_holder(std::string_view text);

}  // namespace punchline
