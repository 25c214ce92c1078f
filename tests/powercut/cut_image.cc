#include "tests/powercut/cut_image.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <stdexcept>
#include <vector>

#include <fcntl.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/support/seed.h"

namespace punchline::testing {
namespace {

constexpr std::uint64_t kSectorBytes = 512;

[[noreturn]] void fail(const std::string& what) {
  throw std::runtime_error(what + ": " + std::strerror(errno));
}

class Image {
 public:
  Image(const std::string& path, int flags) : path_(path) {
    fd_ = ::open(path.c_str(), flags | O_CLOEXEC, 0600);
    if (fd_ < 0) fail("open " + path);
  }
  ~Image() { ::close(fd_); }
  Image(const Image&) = delete;
  Image& operator=(const Image&) = delete;

  void write(std::uint64_t offset, std::string_view data) const {
    while (!data.empty()) {
      const auto put = ::pwrite(fd_, data.data(), data.size(), static_cast<off_t>(offset));
      if (put <= 0) fail("write " + path_);
      data.remove_prefix(static_cast<std::size_t>(put));
      offset += static_cast<std::uint64_t>(put);
    }
  }

  void zero(std::uint64_t offset, std::uint64_t bytes) const {
    const int mode = FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE;
    if (::fallocate(fd_, mode, static_cast<off_t>(offset), static_cast<off_t>(bytes)) != 0) {
      fail("zero " + path_);
    }
  }

  void apply(const DiskEntry& entry) const {
    if (entry.action == DiskAction::write) write(entry.offset, entry.data);
    if (entry.action == DiskAction::discard) zero(entry.offset, entry.bytes);
  }

  void apply_torn(const DiskEntry& entry, std::mt19937_64& random) const {
    for (std::uint64_t at = 0; at < entry.bytes; at += kSectorBytes) {
      if (between(random, 0, 1) == 0) continue;
      const auto bytes = std::min(kSectorBytes, entry.bytes - at);
      if (entry.action == DiskAction::write) write(entry.offset + at, entry.data.substr(at, bytes));
      if (entry.action == DiskAction::discard) zero(entry.offset + at, bytes);
    }
  }

  // What is hole there is hole here.
  void copy_from(const Image& other) const {
    struct stat facts {};
    if (::fstat(other.fd_, &facts) != 0) fail("stat " + other.path_);
    if (::ftruncate(fd_, 0) != 0 || ::ftruncate(fd_, facts.st_size) != 0) fail("size " + path_);
    off_t from = 0;
    while ((from = ::lseek(other.fd_, from, SEEK_DATA)) >= 0) {
      const auto end = ::lseek(other.fd_, from, SEEK_HOLE);
      if (::lseek(fd_, from, SEEK_SET) != from) fail("seek in " + path_);
      while (from < end) {  // --keep takes it to another filesystem
        const auto bytes = static_cast<std::size_t>(end - from);
        if (::sendfile(fd_, other.fd_, &from, bytes) <= 0) fail("copy " + path_);
      }
    }
  }

 private:
  std::string path_;
  int fd_ = -1;
};

bool changes_bytes(const DiskEntry& entry) {
  return entry.action == DiskAction::write || entry.action == DiskAction::discard;
}

}  // namespace

const char* name_of(Unflushed kind) {
  static constexpr std::array kNames = {"kept", "lost", "half", "late", "torn"};
  return kNames[static_cast<std::size_t>(kind)];
}

CutImages::CutImages(const DiskLog& log, std::string base) : log_(log), base_(std::move(base)) {}

void CutImages::flush_up_to(std::size_t entries) {
  const auto all = log_.entries();
  auto flushed = entries;
  while (flushed > flushed_ && all[flushed - 1].action != DiskAction::flush)
    --flushed;
  const Image base(base_, O_WRONLY);
  for (; flushed_ < flushed; ++flushed_)
    base.apply(all[flushed_]);
}

void CutImages::make(const std::string& path, std::size_t entries, Unflushed kind,
                     std::mt19937_64& random) {
  if (entries < flushed_) throw std::runtime_error("CutImages: moments must not go back");
  flush_up_to(entries);
  const Image image(path, O_RDWR | O_CREAT);
  image.copy_from(Image(base_, O_RDONLY));
  std::vector<DiskEntry> open;
  const auto rest = log_.entries().subspan(flushed_, entries - flushed_);
  std::copy_if(rest.begin(), rest.end(), std::back_inserter(open), changes_bytes);
  const auto late = open.empty() ? 0 : between(random, 0, open.size() - 1);
  for (std::size_t at = 0; at < open.size(); ++at) {
    if (kind == Unflushed::torn) image.apply_torn(open[at], random);
    const bool there = kind == Unflushed::kept || (kind == Unflushed::late && at >= late) ||
                       (kind == Unflushed::half && between(random, 0, 1) == 1);
    if (there) image.apply(open[at]);
  }
}

}  // namespace punchline::testing
