#include "buffer/base/timestamp.h"
#include "buffer/posix_file.h"

#include <bit>
#include <cerrno>
#include <csignal>
#include <utility>

#include <fcntl.h>
#include <linux/fs.h>
#include <linux/magic.h>
#include <sys/stat.h>
#include <unistd.h>

namespace punchline {
namespace {

Error refusal(const std::string& path, std::string_view why) {
  return Error(ErrorKind::refused, 0, path + " " + std::string(why));
}

Status check_type(const std::string& path, mode_t mode) {
  if (S_ISLNK(mode)) return refusal(path, "is a symbolic link; name the file itself");
  if (S_ISDIR(mode)) return refusal(path, "is a directory, not a regular file");
  if (!S_ISREG(mode)) return refusal(path, "is not a regular file (pipe, socket or device)");
  return {};
}

/// Comes before opening, since opening a device or a FIFO may already have an effect.
Status check_name(const std::string& path) {
  struct stat found {};
  if (::lstat(path.c_str(), &found) < 0) return Error::from_errno(errno, "open " + path);
  return check_type(path, found.st_mode);
}

Status check_flags(const Descriptor& file, const struct statx& facts) {
  constexpr std::uint64_t kAppend = STATX_ATTR_APPEND;
  constexpr std::uint64_t kImmutable = STATX_ATTR_IMMUTABLE;
  bool append_only = (facts.stx_attributes & kAppend) != 0;
  bool immutable = (facts.stx_attributes & kImmutable) != 0;
  if ((facts.stx_attributes_mask & (kAppend | kImmutable)) != (kAppend | kImmutable)) {
    const auto flags = file.inode_flags();
    append_only = append_only || (flags & FS_APPEND_FL) != 0;
    immutable = immutable || (flags & FS_IMMUTABLE_FL) != 0;
  }
  if (append_only) {
    return refusal(file.path(), "is append-only (chattr +a): nothing in it can be freed");
  }
  if (immutable) {
    return refusal(file.path(), "is immutable (chattr +i): nothing in it can be freed");
  }
  return {};
}

Status check_owner(const Descriptor& file, const struct statx& facts) {
  if (facts.stx_uid == ::geteuid()) return {};
  struct stat folder {};
  const auto name = folder_of(file.path());
  if (::stat(name.c_str(), &folder) < 0) return Error::from_errno(errno, "stat " + name);
  if ((folder.st_mode & S_ISVTX) == 0) return {};
  return refusal(file.path(), "belongs to uid " + std::to_string(facts.stx_uid) + " and lies in " +
                                  name + ", a sticky folder where anybody may have put it");
}

Status check_fit(const Descriptor& file, const Descriptor::Filesystem& filesystem) {
  auto facts = file.facts();
  if (!facts) return facts.error();
  if (auto type = check_type(file.path(), facts->stx_mode); !type) return type;
  if (filesystem.type == NFS_SUPER_MAGIC) {
    return refusal(file.path(), "is on NFS, where appends of several clients overwrite each other");
  }
  if (auto flags = check_flags(file, *facts); !flags) return flags;
  return check_owner(file, *facts);
}

/// f_bsize of statfs(2) is the block size on ext4, XFS, btrfs and tmpfs. Elsewhere it may be
/// anything.
std::uint64_t sane_block_bytes(std::uint64_t reported) {
  constexpr std::uint64_t kMin = 512;
  constexpr std::uint64_t kMax = 64 * 1024;
  const bool sane = std::has_single_bit(reported) && kMin <= reported && reported <= kMax;
  return sane ? reported : 4096;
}

/// The `append` of an older program locks the byte at 2^62 of the buffer itself (W7). Nobody else's
/// lock can overlap it then. What else is locked there is none of our business.
bool older_writer_relies_on_offsets(const Descriptor& file) {
  const auto seen = file.lock_on_byte(1ULL << 62U);
  return seen && *seen && (*seen)->is_of_that_byte && (*seen)->is_for_writing;
}

}  // namespace

PosixFile::PosixFile(Descriptor reading, std::uint64_t block_bytes)
    : reading_(std::move(reading)), block_bytes_(block_bytes) {}

Result<std::unique_ptr<PosixFile>> PosixFile::open(const std::string& path) {
  if (auto name = check_name(path); !name) return name.error();
  auto file = Descriptor::open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY);
  if (!file) return file.error();
  auto filesystem = file->filesystem();
  if (!filesystem) return filesystem.error();
  if (auto fit = check_fit(*file, *filesystem); !fit) return fit.error();
  return std::unique_ptr<PosixFile>(
      new PosixFile(std::move(*file), sane_block_bytes(filesystem->block_bytes)));
}

Result<PosixFile::Creation> PosixFile::creation_alike() const {
  const auto facts = reading_.facts();
  if (!facts) return facts.error();
  Creation creation;
  creation.mode = facts->stx_mode & 0666U;
  if (facts->stx_gid != ::getegid()) creation.group = std::to_string(facts->stx_gid);
  if (::geteuid() == 0) creation.owner = facts->stx_uid;
  return creation;
}

Status PosixFile::open_for_writing() {
  if (writing_.valid()) return {};
  auto file = reading_.reopen(O_RDWR);
  if (!file) return file.error();
  writing_ = std::move(*file);
  return {};
}

void PosixFile::stop_writing() {
  writing_ = Descriptor();
  appending_ = Descriptor();
}

Result<bool> PosixFile::same_file_as_path() const {
  auto ours = reading_.facts();
  if (!ours) return ours.error();
  struct statx named {};
  if (::statx(AT_FDCWD, path().c_str(), AT_SYMLINK_NOFOLLOW, STATX_INO, &named) < 0) {
    if (errno == ENOENT || errno == ENOTDIR) return false;
    return reading_.error(errno, "stat");
  }
  return ours->stx_ino == named.stx_ino && ours->stx_dev_major == named.stx_dev_major &&
         ours->stx_dev_minor == named.stx_dev_minor;
}

Result<std::size_t> PosixFile::read_at(Offset at, std::span<char> into) {
  return reader_.read_at(reading_, at, into);
}

Result<FileFacts> PosixFile::facts() {
  auto found = reading_.facts();
  if (!found) return found.error();
  return FileFacts{.size = found->stx_size,
                   .allocated_bytes = found->stx_blocks * 512,
                   .block_bytes = block_bytes_,
                   .inode = found->stx_ino,
                   .birth_ns = birth_ns_of(*found),
                   .modified_ns = nanoseconds(found->stx_mtime),
                   .has_name = found->stx_nlink > 0};
}

Result<std::optional<Offset>> PosixFile::next_data(Offset at) {
  return reading_.next_data(at);
}

Result<Offset> PosixFile::next_hole(Offset at) {
  return reading_.next_hole(at);
}

Status PosixFile::punch(OffsetRange offsets) {
  if (!writing_.valid()) return refusal(path(), "is not open for writing");
  if (offsets.begin == offsets.end) return {};  // fallocate(2) calls a length of 0 invalid
  if (auto ours = may_change(); !ours) return ours;
  return writing_.punch(offsets);
}

Status PosixFile::collapse(OffsetRange offsets) {
  const auto held = guard_ == nullptr ? Descriptor() : guard_->hold_offsets();
  if (!held) return held.error();
  if (older_writer_relies_on_offsets(reading_)) {
    return Error(ErrorKind::busy, 0, path() + ": a writer takes a torn record back");
  }
  auto file = reading_.reopen(O_RDWR);
  if (!file) return file.error();
  if (auto ours = may_change(); !ours) return ours;
  return file->collapse(offsets);
}

Result<std::uint64_t> PosixFile::free_bytes() {
  const auto filesystem = reading_.filesystem();
  if (!filesystem) return filesystem.error();
  return filesystem->free_bytes;
}

Status PosixFile::append(std::span<const char> bytes) {
  if (auto ours = may_change(); !ours) return ours;
  if (!appending_.valid()) {
    auto file = reading_.reopen(O_WRONLY | O_APPEND);
    if (!file) return file.error();
    appending_ = std::move(*file);
  }
  auto written = appending_.write_once(bytes);
  if (!written) return written.error();
  if (*written == bytes.size()) return {};
  // A short write does not say why it was short. Nearly always the disk is full, or a limit is
  // reached.
  return Error(ErrorKind::no_space, ENOSPC,
               "append to " + path() + " (" + std::to_string(*written) + " of " +
                   std::to_string(bytes.size()) + " bytes)");
}

Result<std::optional<std::string>> PosixFile::attribute(std::string_view name) {
  return reading_.attribute(name);
}

Status PosixFile::set_attribute(std::string_view name, std::string_view value) {
  if (auto ours = may_change(); !ours) return ours;
  return reading_.set_attribute(name, value);
}

Status PosixFile::remove_attribute(std::string_view name) {
  if (auto ours = may_change(); !ours) return ours;
  return reading_.remove_attribute(name);
}

Status PosixFile::sync_data() {
  return reading_.sync_data();
}

Status PosixFile::sync_all() {
  return reading_.sync_all();
}

// Asks by taking a read lease and giving it back (fcntl(2), F_SETLEASE). If somebody opens the file
// for writing in between, the kernel sends a signal. By default that is SIGIO, which would end the
// process. SIGURG is ignored.
Result<bool> PosixFile::nobody_writes() {
  if (::fcntl(reading_.fd(), F_SETSIG, SIGURG) < 0) return reading_.error(errno, "F_SETSIG on");
  if (::fcntl(reading_.fd(), F_SETLEASE, F_RDLCK) < 0) {
    if (errno == EACCES || errno == EINVAL) return reading_.error(errno, "ask who writes");
    return false;
  }
  if (::fcntl(reading_.fd(), F_SETLEASE, F_UNLCK) < 0) {
    return reading_.error(errno, "release the lease on");
  }
  return true;
}

}  // namespace punchline
