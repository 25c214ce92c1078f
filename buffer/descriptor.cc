#include "buffer/descriptor.h"

#include <cerrno>
#include <thread>
#include <utility>

#include <fcntl.h>
#include <linux/fs.h>
#include <sys/ioctl.h>
#include <sys/statfs.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "buffer/base/timestamp.h"

namespace punchline {
namespace {

/// Repeats the call while a signal interrupts it. A call that fails with EINTR must have done
/// nothing. That holds for all calls below. close(2) is not among them: it has closed even then.
template <class Call>
auto uninterrupted(Call call) {
  auto result = call();
  while (result < 0 && errno == EINTR) {
    result = call();
  }
  return result;
}

/// If the program was started with a standard descriptor closed, open(2) hands out that number, and
/// what the program prints or reads there would go to the file or come from it. So the descriptor
/// is moved to 3 or above. -1 stays -1.
int above_standard(int fd) {
  if (fd < 0 || fd > STDERR_FILENO) return fd;
  const int moved = ::fcntl(fd, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
  const int code = errno;
  ::close(fd);
  errno = code;
  return moved;
}

bool same_inode(const struct statx& a, const struct statx& b) {
  return a.stx_ino == b.stx_ino && a.stx_dev_major == b.stx_dev_major &&
         a.stx_dev_minor == b.stx_dev_minor;
}

off_t off(Offset at) {
  return static_cast<off_t>(at.value());
}

off_t length(OffsetRange range) {
  return static_cast<off_t>(range.size());
}

struct flock one_byte(std::uint64_t offset) {
  struct flock wanted {};
  wanted.l_type = F_WRLCK;
  wanted.l_whence = SEEK_SET;
  wanted.l_start = static_cast<off_t>(offset);
  wanted.l_len = 1;
  return wanted;
}

}  // namespace

Descriptor::~Descriptor() {
  if (fd_ >= 0) ::close(fd_);
}

Descriptor::Descriptor(Descriptor&& other) noexcept
    : fd_(std::exchange(other.fd_, -1)), path_(std::move(other.path_)) {}

Descriptor& Descriptor::operator=(Descriptor&& other) noexcept {
  std::swap(fd_, other.fd_);
  std::swap(path_, other.path_);
  return *this;
}

Error Descriptor::error(int code, std::string_view verb) const {
  return Error::from_errno(code, std::string(verb) + " " + path_);
}

Result<Descriptor> Descriptor::open(const std::string& path, int flags, mode_t mode) {
  const int fd =
      above_standard(uninterrupted([&] { return ::open(path.c_str(), flags | O_CLOEXEC, mode); }));
  if (fd < 0) return Error::from_errno(errno, "open " + path);
  return Descriptor(fd, path);
}

// O_TMPFILE fails with EISDIR on kernels that do not know it, and with EOPNOTSUPP on filesystems.
Result<Descriptor> Descriptor::open_nameless(const std::string& folder) {
  auto file = open(folder, O_RDWR | O_TMPFILE, 0600);
  if (file || file.error().code() != EISDIR) return file;
  return Error(ErrorKind::unsupported, EISDIR, "open a file without a name in " + folder);
}

std::string Descriptor::link() const {
  return "/proc/self/fd/" + std::to_string(fd_);
}

// The link in /proc also leads to a file that has lost its name. Without /proc the path is opened,
// and must lead to the same inode.
Result<Descriptor> Descriptor::reopen(int flags) const {
  const int fd =
      above_standard(uninterrupted([&] { return ::open(link().c_str(), flags | O_CLOEXEC); }));
  if (fd >= 0) return Descriptor(fd, path_);
  if (errno != ENOENT) return error(errno, "open");
  auto by_path = open(path_, flags | O_NOFOLLOW);
  if (!by_path) return by_path;
  auto ours = facts();
  if (!ours) return ours.error();
  auto theirs = by_path->facts();
  if (!theirs) return theirs.error();
  if (same_inode(*ours, *theirs)) return by_path;
  return Error(ErrorKind::refused, 0, "open " + path_ + ": the name now belongs to another file");
}

Result<struct statx> Descriptor::facts() const {
  struct statx found {};
  constexpr unsigned kWanted = STATX_BASIC_STATS | STATX_BTIME;
  const int done = uninterrupted([&] { return ::statx(fd_, "", AT_EMPTY_PATH, kWanted, &found); });
  if (done < 0) return error(errno, "stat");
  return found;
}

Result<Descriptor::Filesystem> Descriptor::filesystem() const {
  struct statfs found {};
  if (uninterrupted([&] { return ::fstatfs(fd_, &found); }) < 0) return error(errno, "statfs");
  const auto block_bytes = static_cast<std::uint64_t>(found.f_bsize);
  return Filesystem{static_cast<std::uint64_t>(found.f_type), block_bytes,
                    found.f_bavail * block_bytes};
}

std::uint32_t Descriptor::inode_flags() const {
  // The kernel stores 32 bits here, although the ioctl's number is made for a long.
  std::uint32_t flags = 0;
  return uninterrupted([&] { return ::ioctl(fd_, FS_IOC_GETFLAGS, &flags); }) < 0 ? 0 : flags;
}

Result<std::size_t> Descriptor::read_at(Offset at, std::span<char> into) const {
  std::size_t got = 0;
  while (got < into.size()) {
    const auto count = uninterrupted([&] {
      return ::pread(fd_, into.data() + got, into.size() - got, off(at + got));
    });
    if (count < 0) return error(errno, "read");
    if (count == 0) break;
    got += static_cast<std::size_t>(count);
  }
  return got;
}

void Descriptor::will_need(OffsetRange range) const {
  (void)::posix_fadvise(fd_, off(range.begin), length(range), POSIX_FADV_WILLNEED);
}

void Descriptor::read_ahead(bool wanted) const {
  (void)::posix_fadvise(fd_, 0, 0, wanted ? POSIX_FADV_NORMAL : POSIX_FADV_RANDOM);
}

Result<std::size_t> Descriptor::write_once(std::span<const char> bytes) const {
  const auto count = uninterrupted([&] { return ::write(fd_, bytes.data(), bytes.size()); });
  if (count < 0) return error(errno, "append to");
  return static_cast<std::size_t>(count);
}

Status Descriptor::write_at(Offset at, std::span<const char> bytes) const {
  while (!bytes.empty()) {
    const auto count =
        uninterrupted([&] { return ::pwrite(fd_, bytes.data(), bytes.size(), off(at)); });
    if (count < 0) return error(errno, "write");
    if (count == 0) return error(EIO, "write");
    at += static_cast<std::uint64_t>(count);
    bytes = bytes.subspan(static_cast<std::size_t>(count));
  }
  return {};
}

Result<Offset> Descriptor::where() const {
  const auto at = uninterrupted([&] { return ::lseek(fd_, 0, SEEK_CUR); });
  if (at < 0) return error(errno, "seek in");
  return Offset(static_cast<std::uint64_t>(at));
}

Result<std::optional<Offset>> Descriptor::next_data(Offset at) const {
  const auto data = uninterrupted([&] { return ::lseek(fd_, off(at), SEEK_DATA); });
  if (data >= 0) return std::optional(Offset(static_cast<std::uint64_t>(data)));
  if (errno == ENXIO) return std::optional<Offset>();
  return error(errno, "seek data in");
}

Result<Offset> Descriptor::next_hole(Offset at) const {
  const auto hole = uninterrupted([&] { return ::lseek(fd_, off(at), SEEK_HOLE); });
  if (hole >= 0) return Offset(static_cast<std::uint64_t>(hole));
  if (errno == ENXIO) return at;
  return error(errno, "seek hole in");
}

Status Descriptor::punch(OffsetRange offsets) const {
  const int done = uninterrupted([&] {
    return ::fallocate(fd_, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, off(offsets.begin),
                       length(offsets));
  });
  if (done < 0) return error(errno, "punch");
  return {};
}

Status Descriptor::allocate(std::uint64_t bytes) const {
  const int done =
      uninterrupted([&] { return ::fallocate(fd_, 0, 0, static_cast<off_t>(bytes)); });
  if (done < 0) return error(errno, "allocate");
  return {};
}

Status Descriptor::collapse(OffsetRange offsets) const {
  // Never repeated: if it had been done before a signal came, a second one would cut out data.
  const int done = ::fallocate(fd_, FALLOC_FL_COLLAPSE_RANGE, off(offsets.begin), length(offsets));
  if (done < 0) return error(errno, "collapse");
  return {};
}

Status Descriptor::lock_byte(std::uint64_t offset, std::chrono::milliseconds patience) const {
  constexpr std::chrono::milliseconds kPause(2);
  const auto until = std::chrono::steady_clock::now() + patience;
  for (;;) {
    auto locked = try_lock_byte(offset);
    const bool again = !locked && locked.error().kind() == ErrorKind::busy;
    if (!again || std::chrono::steady_clock::now() >= until) return locked;
    std::this_thread::sleep_for(kPause);
  }
}

Status Descriptor::try_lock_byte(std::uint64_t offset) const {
  auto wanted = one_byte(offset);
  if (::fcntl(fd_, F_OFD_SETLK, &wanted) == 0) return {};
  if (errno == EAGAIN || errno == EACCES)
    return Error(ErrorKind::busy, errno, path_ + ": another process holds a lock on it");
  return error(errno, "lock");
}

Result<std::optional<Descriptor::SeenLock>> Descriptor::lock_on_byte(std::uint64_t offset) const {
  auto seen = one_byte(offset);
  if (::fcntl(fd_, F_OFD_GETLK, &seen) < 0) return error(errno, "ask for the locks of");
  if (seen.l_type == F_UNLCK) return std::optional<SeenLock>();
  const bool alone = seen.l_pid == -1 && seen.l_len == 1 &&
                     seen.l_start == static_cast<off_t>(offset);
  return std::optional(SeenLock{seen.l_type == F_WRLCK, alone});
}

Result<std::optional<std::string>> Descriptor::attribute(std::string_view name) const {
  const std::string key(name);
  std::string value(256, '\0');
  for (;;) {
    const auto size =
        uninterrupted([&] { return ::fgetxattr(fd_, key.c_str(), value.data(), value.size()); });
    if (size >= 0) {
      value.resize(static_cast<std::size_t>(size));
      return std::optional(std::move(value));
    }
    if (errno == ENODATA) return std::optional<std::string>();
    if (errno != ERANGE || value.size() > XATTR_SIZE_MAX) return error(errno, "get " + key + " of");
    value.resize(value.size() * 4);
  }
}

Status Descriptor::set_attribute(std::string_view name, std::string_view value) const {
  const std::string key(name);
  const int done =
      uninterrupted([&] { return ::fsetxattr(fd_, key.c_str(), value.data(), value.size(), 0); });
  if (done < 0) return error(errno, "set " + key + " of");
  return {};
}

Result<bool> Descriptor::create_attribute(std::string_view name, std::string_view value) const {
  const std::string key(name);
  const int done = uninterrupted([&] {
    return ::fsetxattr(fd_, key.c_str(), value.data(), value.size(), XATTR_CREATE);
  });
  if (done < 0 && errno != EEXIST) return error(errno, "set " + key + " of");
  return done == 0;
}

Status Descriptor::remove_attribute(std::string_view name) const {
  const std::string key(name);
  const int done = uninterrupted([&] { return ::fremovexattr(fd_, key.c_str()); });
  if (done < 0 && errno != ENODATA) return error(errno, "remove " + key + " of");
  return {};
}

Status Descriptor::sync_data() const {
  if (uninterrupted([&] { return ::fdatasync(fd_); }) < 0) return error(errno, "fdatasync");
  return {};
}

Status Descriptor::sync_all() const {
  if (uninterrupted([&] { return ::fsync(fd_); }) < 0) return error(errno, "fsync");
  return {};
}

std::string folder_of(const std::string& path) {
  const auto slash = path.find_last_of('/');
  if (slash == std::string::npos) return ".";
  return slash == 0 ? "/" : path.substr(0, slash);
}

Status sync_folder(const std::string& folder) {
  auto opened = Descriptor::open(folder, O_RDONLY | O_DIRECTORY);
  if (!opened) return opened.error();
  return opened->sync_all();
}

std::int64_t birth_ns_of(const struct statx& facts) {
  return (facts.stx_mask & STATX_BTIME) != 0 ? nanoseconds(facts.stx_btime) : 0;
}

}  // namespace punchline
