#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "buffer/base/byte_range.h"
#include "buffer/base/result.h"

namespace punchline {

/// What the filesystem reports about a file at one moment. Sizes are in bytes.
struct FileFacts {
  std::uint64_t size = 0;
  std::uint64_t allocated_bytes = 0;  ///< st_blocks * 512; XFS and btrfs may count too much.
  std::uint64_t block_bytes = 4096;   ///< The unit that punching frees; a power of two.
  std::uint64_t inode = 0;
  std::int64_t birth_ns = 0;     ///< statx stx_btime since the epoch; 0 if not known.
  std::int64_t modified_ns = 0;  ///< stx_mtime since the epoch.
  bool has_name = true;          ///< false: deleted; only open descriptors keep it alive.
};

/// One buffer file, as the rest of buffer/ sees it: the seam between the rules and the filesystem.
///
/// Every call can fail with `io`; other error kinds are named with the call. Not thread-safe: one
/// thread calls it. There are two implementations, PosixFile (the kernel) and the tests'
/// MemoryFile. One contract suite runs on both.
class BufferFile {
 public:
  virtual ~BufferFile() = default;

  /// For messages.
  virtual const std::string& path() const = 0;

  /// Reads into.size() bytes from `at`. Reads fewer only at the end of the file, and none at or
  /// beyond it. Holes read as NUL.
  virtual Result<std::size_t> read_at(Offset at, std::span<char> into) = 0;

  virtual Result<FileFacts> facts() = 0;

  /// The start of the first data at or after `at`; empty if there is only hole up to the end of the
  /// file (lseek(2) SEEK_DATA, ENXIO). A filesystem that has no holes answers `at`.
  /// The call waits for an append that is under way (ext4, btrfs and tmpfs take the inode lock). It
  /// therefore serves as the barrier that tells a torn tail from an append in flight.
  virtual Result<std::optional<Offset>> next_data(Offset at) = 0;

  /// The start of the first hole at or after `at`; the end of the file counts as one.
  virtual Result<Offset> next_hole(Offset at) = 0;

  /// Frees the whole blocks in `offsets` and zeroes the rest of the range; the file keeps its size
  /// (fallocate(2) PUNCH_HOLE | KEEP_SIZE). Never called beyond the end of the file.
  /// `no_space`: btrfs 100 % full, unaligned edges. `unsupported`: the filesystem cannot punch.
  virtual Status punch(OffsetRange offsets) = 0;

  /// Cuts whole filesystem units out of the file; the bytes after them move down (fallocate(2)
  /// COLLAPSE_RANGE). Only ever called for a hole below the end of the file. After an error or a
  /// power cut, only some of the bytes after the hole may have moved: see collapse.h.
  /// `unsupported`, `no_space`; `busy` while a writer relies on its offsets.
  virtual Status collapse(OffsetRange offsets) = 0;

  /// The space that the filesystem has left for us, in bytes.
  virtual Result<std::uint64_t> free_bytes() = 0;

  /// One write with O_APPEND. A short write is an error (`no_space` or `io`); the bytes that were
  /// written stay in the file.
  virtual Status append(std::span<const char> bytes) = 0;

  /// The value of an extended attribute (full name, "user.punchline"); empty if it does not exist.
  /// `unsupported`: this filesystem has no user attributes.
  virtual Result<std::optional<std::string>> attribute(std::string_view name) = 0;

  /// Creates or replaces an attribute, atomically. `no_space` can also come from a replacement
  /// (full XFS).
  virtual Status set_attribute(std::string_view name, std::string_view value) = 0;

  /// Succeeds if there is no such attribute.
  virtual Status remove_attribute(std::string_view name) = 0;

  /// fdatasync(2): makes data and holes durable, but on ext4 not an attribute that was set alone.
  virtual Status sync_data() = 0;
  /// fsync(2): makes attributes durable too.
  virtual Status sync_all() = 0;

  /// True only when it is certain that no descriptor anywhere has the file open for writing
  /// (fcntl(2) F_SETLEASE F_RDLCK taken and released). Our own descriptors count, so ask before
  /// opening the file for writing. Errors: it cannot be known, for example because we are not the
  /// file's owner.
  virtual Result<bool> nobody_writes() = 0;
};

}  // namespace punchline
