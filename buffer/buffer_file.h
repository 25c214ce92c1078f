#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "buffer/base/byte_range.h"
#include "buffer/base/result.h"

namespace punchline {

/// What the filesystem says of a file at one moment. Sizes in bytes.
struct FileFacts {
  std::uint64_t size = 0;
  std::uint64_t allocated_bytes = 0;  ///< st_blocks * 512; XFS and btrfs count more than is there.
  std::uint64_t block_bytes = 4096;   ///< The unit punching frees; a power of two.
  std::uint64_t inode = 0;
  std::int64_t birth_ns = 0;     ///< statx stx_btime since the epoch; 0 where not known.
  std::int64_t modified_ns = 0;  ///< stx_mtime since the epoch.
  bool has_name = true;          ///< false: deleted, only open descriptors hold it.
};

/// The seam between the rules and one file on a filesystem.
///
/// Every call may fail with `io`; other
/// kinds are named with the call. Not thread-safe: one thread calls it. Two implementations:
/// PosixFile (the kernel) and tests' MemoryFile; one contract suite runs on both.
class BufferFile {
 public:
  virtual ~BufferFile() = default;

  /// For messages.
  virtual const std::string& path() const = 0;

  /// Reads at most into.size() bytes at `at`; fewer only at the end of the file, 0 at or
  /// behind it. Holes read as NUL.
  virtual Result<std::size_t> read_at(Offset at, std::span<char> into) = 0;

  virtual Result<FileFacts> facts() = 0;

  /// Start of the first data at or behind `at`, nothing if there is only hole up to the end
  /// (lseek(2) SEEK_DATA, ENXIO). A filesystem that knows no holes answers `at`.
  /// It waits for an append that is under way (ext4, btrfs and tmpfs take the inode lock), so it
  /// serves as the barrier that tells a torn tail from an append in flight.
  virtual Result<std::optional<Offset>> next_data(Offset at) = 0;

  /// Start of the first hole at or behind `at`; the end of the file counts as one.
  virtual Result<Offset> next_hole(Offset at) = 0;

  /// Frees the whole blocks of `offsets` and zeroes the rest of it, keeping the size
  /// (fallocate(2) PUNCH_HOLE | KEEP_SIZE). Never called beyond the end of the file.
  /// `no_space`: btrfs 100 % full, unaligned edges. `unsupported`: the filesystem cannot punch.
  virtual Status punch(OffsetRange offsets) = 0;

  /// Cuts whole units out of the file; what stands behind them moves down (fallocate(2)
  /// COLLAPSE_RANGE). Only ever a hole, below the end. After an error, and after a power cut, some
  /// of what stands behind may have moved: see collapse.h. `unsupported`, `no_space`; `busy` while
  /// a writer relies on its offsets.
  virtual Status collapse(OffsetRange offsets) = 0;

  /// What the filesystem has left for us, in bytes.
  virtual Result<std::uint64_t> free_bytes() = 0;

  /// One write with O_APPEND. A short write is an error (`no_space` or `io`) and is not taken back.
  virtual Status append(std::span<const char> bytes) = 0;

  /// Value of an extended attribute (full name, "user.punchline"); nothing if it does not exist.
  /// `unsupported`: no user attributes here.
  virtual Result<std::optional<std::string>> attribute(std::string_view name) = 0;

  /// Creates or replaces it, atomically. `no_space`: also for a replacement (full XFS).
  virtual Status set_attribute(std::string_view name, std::string_view value) = 0;

  /// Removing what does not exist is success.
  virtual Status remove_attribute(std::string_view name) = 0;

  /// fdatasync(2): data and holes, but on ext4 not an attribute set alone.
  virtual Status sync_data() = 0;
  /// fsync(2): attributes too.
  virtual Status sync_all() = 0;

  /// True only when it is certain that no descriptor anywhere has the file open for writing
  /// (fcntl(2) F_SETLEASE F_RDLCK taken and released). Ours included: ask before writing. Errors:
  /// it cannot be known, as by whoever is not the owner.
  virtual Result<bool> nobody_writes() = 0;
};

}  // namespace punchline
