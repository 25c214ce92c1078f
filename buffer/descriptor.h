#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include <sys/stat.h>
#include <sys/types.h>

#include "buffer/base/byte_range.h"
#include "buffer/base/result.h"

namespace punchline {

/// An open file. Owns one descriptor and wraps each system call that we make on it.
///
/// Every wrapper but collapse() retries after EINTR. It saves errno at once, and its error names
/// the call that failed and the path. Offsets and ranges are file offsets in bytes. Move-only; not
/// thread-safe. The wrappers are const since none changes which file is open. Most need the access
/// that the flags of open() gave.
class Descriptor {
 public:
  Descriptor() = default;
  Descriptor(int fd, std::string path) : fd_(fd), path_(std::move(path)) {}
  ~Descriptor();
  Descriptor(Descriptor&& other) noexcept;
  Descriptor& operator=(Descriptor&& other) noexcept;

  /// open(2) with O_CLOEXEC. Never returns one of the standard descriptors 0 to 2.
  static Result<Descriptor> open(const std::string& path, int flags, mode_t mode = 0);
  /// Opens a new file without a name in `folder`, for reading and writing by its owner alone. It is
  /// gone when the descriptor is closed unless it is given a name (open(2), O_TMPFILE).
  /// `unsupported` if the kernel or the filesystem has no such files.
  static Result<Descriptor> open_nameless(const std::string& folder);

  /// Opens the same inode again with other flags, independently of this descriptor and of what has
  /// become of its name. It goes through /proc/self/fd (proc(5)); without /proc, through the path
  /// if that still names the inode.
  Result<Descriptor> reopen(int flags) const;

  bool valid() const { return fd_ >= 0; }
  int fd() const { return fd_; }
  const std::string& path() const { return path_; }
  /// "/proc/self/fd/N" (proc(5)), a link that leads to the inode and tells its present name.
  std::string link() const;
  /// "verb path: strerror(code)"
  Error error(int code, std::string_view verb) const;

  Result<struct statx> facts() const;
  /// From statfs(2): f_type, f_bsize, and f_bavail * f_bsize.
  struct Filesystem {
    std::uint64_t type = 0;
    std::uint64_t block_bytes = 0;
    std::uint64_t free_bytes = 0;
  };
  Result<Filesystem> filesystem() const;
  /// FS_IOC_GETFLAGS (ioctl_iflags(2)); 0 if the filesystem has no such flags.
  std::uint32_t inode_flags() const;

  /// Fills `into`, unless the file ends before.
  Result<std::size_t> read_at(Offset at, std::span<char> into) const;
  /// posix_fadvise(2) WILLNEED: the kernel begins to read `range`. Only a hint.
  void will_need(OffsetRange range) const;
  /// posix_fadvise(2) NORMAL or RANDOM: whether the kernel reads on after each read. Also a hint.
  void read_ahead(bool wanted) const;
  /// One write(2), which may be short; never continued here.
  Result<std::size_t> write_once(std::span<const char> bytes) const;
  /// Writes all of `bytes`, with several calls of pwrite(2) if necessary. The file must not be open
  /// with O_APPEND, since Linux then ignores the offset.
  Status write_at(Offset at, std::span<const char> bytes) const;
  /// lseek(2) SEEK_CUR. After a write with O_APPEND: the end of the bytes of that write.
  Result<Offset> where() const;

  /// lseek(2) SEEK_DATA; empty if there is only hole from `at` on.
  Result<std::optional<Offset>> next_data(Offset at) const;
  /// lseek(2) SEEK_HOLE; `at` itself if that is at or beyond the end of the file.
  Result<Offset> next_hole(Offset at) const;

  /// fallocate(2) of the first `bytes`: adds blocks, which read as NUL, where there are none yet.
  Status allocate(std::uint64_t bytes) const;
  /// fallocate(2) PUNCH_HOLE | KEEP_SIZE.
  Status punch(OffsetRange offsets) const;
  /// fallocate(2) COLLAPSE_RANGE. The only call that is not repeated after EINTR.
  Status collapse(OffsetRange offsets) const;

  /// fcntl(2) F_OFD_SETLK: locks one byte for us alone, wherever the file ends. The lock ends when
  /// this descriptor is closed. Waits at most `patience` for others; then `busy`.
  Status lock_byte(std::uint64_t offset, std::chrono::milliseconds patience) const;
  /// The same without waiting.
  Status try_lock_byte(std::uint64_t offset) const;
  /// fcntl(2) F_OFD_GETLK: the lock that keeps us from locking a byte. Takes no lock.
  struct SeenLock {
    bool is_for_writing = false;
    bool is_of_that_byte = false;  ///< It is an OFD lock on that byte and no other.
  };
  Result<std::optional<SeenLock>> lock_on_byte(std::uint64_t offset) const;

  Result<std::optional<std::string>> attribute(std::string_view name) const;
  Status set_attribute(std::string_view name, std::string_view value) const;
  /// Sets it only if there is no attribute of that name yet (XATTR_CREATE); otherwise false.
  Result<bool> create_attribute(std::string_view name, std::string_view value) const;
  Status remove_attribute(std::string_view name) const;

  Status sync_data() const;
  Status sync_all() const;

 private:
  int fd_ = -1;
  std::string path_;
};

/// The folder of a path, "." for a bare name.
std::string folder_of(const std::string& path);

/// fsync(2) of a folder, which makes the names in it durable.
Status sync_folder(const std::string& folder);

/// When the file was born, in ns since the epoch; 0 if the filesystem does not tell (statx(2),
/// STATX_BTIME). Pure. Any thread.
std::int64_t birth_ns_of(const struct statx& facts);

}  // namespace punchline
