// A disk whose power can be cut at any moment of its past:
//   cut_disk IMAGE LOG FOLDER
// serves two files in FOLDER by FUSE. `disk` is IMAGE, to be put below a loop device, which maps
// block writes to writes, REQ_FLUSH to fsync and discards to fallocate. All of that is noted in
// LOG in the order in which it was done, with the time. A write to `mark` is noted there too: so
// whoever makes the load says what was certain at that moment. Ends when FOLDER is unmounted.
#define FUSE_USE_VERSION 35

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <ctime>
#include <string_view>

#include <fcntl.h>
#include <fuse3/fuse.h>
#include <linux/falloc.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include "tests/powercut/disk_log.h"

namespace punchline::testing {
namespace {

constexpr std::string_view kDisk = "/disk";
constexpr std::string_view kMark = "/mark";

struct Disk {
  char* bytes = nullptr;
  std::uint64_t size = 0;
  int log = -1;
} disk;  // FUSE's callbacks have no other way to it

// The time is taken here: what the entry holds was decided before.
int note(DiskAction action, std::uint64_t offset, std::uint64_t bytes, const char* data) {
  timespec now{};
  ::clock_gettime(CLOCK_REALTIME, &now);
  DiskEntryHead head{.action = action, .offset = offset, .bytes = bytes};
  head.time_ns = static_cast<std::int64_t>(now.tv_sec) * 1'000'000'000 + now.tv_nsec;
  iovec parts[2] = {{&head, sizeof head}, {const_cast<char*>(data), data != nullptr ? bytes : 0}};
  const auto wanted = static_cast<ssize_t>(parts[0].iov_len + parts[1].iov_len);
  if (::writev(disk.log, parts, 2) == wanted) return 0;
  std::perror("cut_disk: the log");
  return -EIO;
}

int attributes(const char* path, struct stat* facts, fuse_file_info*) {
  const std::string_view name(path);
  if (name != "/" && name != kDisk && name != kMark) return -ENOENT;
  facts->st_mode = name == "/" ? S_IFDIR | 0700 : S_IFREG | 0600;
  facts->st_nlink = 1;
  facts->st_size = name == kDisk ? static_cast<off_t>(disk.size) : 0;
  return 0;
}

// A mark goes its way at once, not by way of the page cache.
int open_file(const char* path, fuse_file_info* info) {
  info->direct_io = path == kMark ? 1 : 0;
  return 0;
}

int truncate_file(const char* path, off_t, fuse_file_info*) {
  return path == kMark ? 0 : -EPERM;
}

bool is_inside(off_t offset, std::size_t bytes) {
  return offset >= 0 && static_cast<std::uint64_t>(offset) + bytes <= disk.size;
}

int read_file(const char*, char* into, std::size_t bytes, off_t offset, fuse_file_info*) {
  if (!is_inside(offset, bytes)) return 0;
  std::memcpy(into, disk.bytes + offset, bytes);
  return static_cast<int>(bytes);
}

int write_file(const char* path, const char* data, std::size_t bytes, off_t offset,
               fuse_file_info*) {
  const bool is_mark = path == kMark;
  if (!is_mark && !is_inside(offset, bytes)) return -ENOSPC;
  if (!is_mark) std::memcpy(disk.bytes + offset, data, bytes);
  const auto action = is_mark ? DiskAction::mark : DiskAction::write;
  const int noted = note(action, static_cast<std::uint64_t>(offset), bytes, data);
  return noted != 0 ? noted : static_cast<int>(bytes);
}

int sync_file(const char*, int, fuse_file_info*) {
  return note(DiskAction::flush, 0, 0, nullptr);
}

// A discard, or zeros to be written: read back as zeros either way.
int free_range(const char*, int mode, off_t offset, off_t bytes, fuse_file_info*) {
  if ((mode & (FALLOC_FL_PUNCH_HOLE | FALLOC_FL_ZERO_RANGE)) == 0) return -EOPNOTSUPP;
  const auto size = static_cast<std::size_t>(bytes);
  if (!is_inside(offset, size)) return -EINVAL;
  std::memset(disk.bytes + offset, 0, size);
  return note(DiskAction::discard, static_cast<std::uint64_t>(offset), size, nullptr);
}

bool open_image(const char* path) {
  const int fd = ::open(path, O_RDWR | O_CLOEXEC);
  struct stat facts {};
  if (fd < 0 || ::fstat(fd, &facts) != 0) return false;
  disk.size = static_cast<std::uint64_t>(facts.st_size);
  void* memory = ::mmap(nullptr, disk.size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  ::close(fd);
  disk.bytes = static_cast<char*>(memory);
  return memory != MAP_FAILED;
}

int serve(const char* folder) {
  fuse_operations operations{};
  operations.getattr = attributes;
  operations.truncate = truncate_file;
  operations.open = open_file;
  operations.read = read_file;
  operations.write = write_file;
  operations.fsync = sync_file;
  operations.fallocate = free_range;
  // -s: one request at a time, so that the log has an order.
  const char* arguments[] = {"cut_disk", "-f", "-s", folder};
  return fuse_main(4, const_cast<char**>(arguments), &operations, nullptr);
}

int cut_disk(int argc, char** argv) {
  if (argc != 4) return 64;
  disk.log = ::open(argv[2], O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  if (disk.log < 0 || !open_image(argv[1])) {
    std::perror("cut_disk");
    return 73;
  }
  return serve(argv[3]);
}

}  // namespace
}  // namespace punchline::testing

int main(int argc, char** argv) {
  return punchline::testing::cut_disk(argc, argv);
}
