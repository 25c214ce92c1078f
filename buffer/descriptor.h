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

/// An open file: owns one descriptor and wraps each system call we make on it, once.
///
/// Every wrapper retries EINTR, keeps errno at once and puts what was tried and the path into the
/// error. Offsets and ranges are file offsets in bytes. Move-only; not thread-safe. The wrappers
/// are const since none changes which file is open; most need the access its flags gave.
class Descriptor {
 public:
  Descriptor() = default;
  Descriptor(int fd, std::string path) : fd_(fd), path_(std::move(path)) {}
  ~Descriptor();
  Descriptor(Descriptor&& other) noexcept;
  Descriptor& operator=(Descriptor&& other) noexcept;

  /// open(2); O_CLOEXEC is added. Never one of the standard descriptors 0 to 2.
  static Result<Descriptor> open(const std::string& path, int flags, mode_t mode = 0);
  /// A new file in `folder` for reading and writing, by its owner alone, that has no name: it goes
  /// with the descriptor unless it is given one (open(2), O_TMPFILE). `unsupported` where the
  /// kernel or the filesystem has no such files.
  static Result<Descriptor> open_nameless(const std::string& folder);

  /// A further, independent open of the same inode with other flags, whatever has become of its
  /// name: through /proc/self/fd (proc(5)), and without /proc by path, if that still names it.
  Result<Descriptor> reopen(int flags) const;

  bool valid() const { return fd_ >= 0; }
  int fd() const { return fd_; }
  const std::string& path() const { return path_; }
  /// "/proc/self/fd/N" (proc(5)): leads to the inode, and says what name it has by now.
  std::string link() const;
  /// "verb path: strerror(code)"
  Error error(int code, std::string_view verb) const;

  Result<struct statx> facts() const;
  /// statfs(2) f_type and f_bsize; f_bavail * f_bsize.
  struct Filesystem {
    std::uint64_t type = 0;
    std::uint64_t block_bytes = 0;
    std::uint64_t free_bytes = 0;
  };
  Result<Filesystem> filesystem() const;
  /// FS_IOC_GETFLAGS (ioctl_iflags(2)); 0 where the filesystem has none.
  std::uint32_t inode_flags() const;

  /// Fills `into` but for the end of the file.
  Result<std::size_t> read_at(Offset at, std::span<char> into) const;
  /// posix_fadvise(2) WILLNEED: begins to read it; only a hint.
  void will_need(OffsetRange range) const;
  /// posix_fadvise(2) NORMAL or RANDOM: whether the kernel reads on behind each read; a hint too.
  void read_ahead(bool wanted) const;
  /// One write(2), which may be short; never continued here.
  Result<std::size_t> write_once(std::span<const char> bytes) const;
  /// All of it, in several pwrite(2) if need be. Not with O_APPEND, where Linux ignores the offset.
  Status write_at(Offset at, std::span<const char> bytes) const;
  /// lseek(2) SEEK_CUR: behind a write with O_APPEND, the end of what that write has written.
  Result<Offset> where() const;

  /// lseek(2) SEEK_DATA: nothing if only hole is left.
  Result<std::optional<Offset>> next_data(Offset at) const;
  /// lseek(2) SEEK_HOLE; `at` itself at or behind the end.
  Result<Offset> next_hole(Offset at) const;

  /// fallocate(2) of the first `bytes`: blocks that read as NUL, where there are none yet.
  Status allocate(std::uint64_t bytes) const;
  /// fallocate(2) PUNCH_HOLE | KEEP_SIZE.
  Status punch(OffsetRange offsets) const;
  /// fallocate(2) COLLAPSE_RANGE; the one call that is not repeated after EINTR.
  Status collapse(OffsetRange offsets) const;

  /// fcntl(2) F_OFD_SETLK: one byte, wherever the file ends, for us alone; let go when this is
  /// closed. Waits so long for others; then `busy`.
  Status lock_byte(std::uint64_t offset, std::chrono::milliseconds patience) const;
  /// The same without waiting.
  Status try_lock_byte(std::uint64_t offset) const;
  /// fcntl(2) F_OFD_GETLK: what keeps us from locking that byte, without locking it.
  struct SeenLock {
    bool is_for_writing = false;
    bool is_of_that_byte = false;  ///< An OFD lock on that byte and no other.
  };
  Result<std::optional<SeenLock>> lock_on_byte(std::uint64_t offset) const;

  Result<std::optional<std::string>> attribute(std::string_view name) const;
  Status set_attribute(std::string_view name, std::string_view value) const;
  /// Only where there is none of that name yet (XATTR_CREATE); else false.
  Result<bool> create_attribute(std::string_view name, std::string_view value) const;
  Status remove_attribute(std::string_view name) const;

  Status sync_data() const;
  Status sync_all() const;

 private:
  int fd_ = -1;
  std::string path_;
};

/// The folder a path lies in, "." for a bare name.
std::string folder_of(const std::string& path);

/// fsync(2) of a folder: makes a name in it durable.
Status sync_folder(const std::string& folder);

}  // namespace punchline
