#include "tests/powercut/disk_log.h"

#include <cstring>
#include <stdexcept>

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

namespace punchline::testing {
namespace {

std::string_view map_file(const std::string& path) {
  const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  struct stat facts {};
  if (fd < 0 || ::fstat(fd, &facts) != 0) throw std::runtime_error("open " + path);
  const auto size = static_cast<std::size_t>(facts.st_size);
  void* memory = ::mmap(nullptr, size, PROT_READ, MAP_SHARED, fd, 0);
  ::close(fd);
  if (memory == MAP_FAILED) throw std::runtime_error("mmap " + path);
  return {static_cast<const char*>(memory), size};
}

}  // namespace

DiskLog::DiskLog(const std::string& path) : bytes_(map_file(path)) {
  for (std::size_t at = 0; at + sizeof(DiskEntryHead) <= bytes_.size();) {
    DiskEntryHead head{};
    std::memcpy(&head, bytes_.data() + at, sizeof head);
    at += sizeof head;
    const bool carries = head.action == DiskAction::write || head.action == DiskAction::mark;
    const auto data = carries ? bytes_.substr(at, head.bytes) : std::string_view();
    if (carries && data.size() != head.bytes) throw std::runtime_error(path + ": cut short");
    at += data.size();
    entries_.push_back({head.action, head.offset, head.bytes, head.time_ns, data});
  }
}

DiskLog::~DiskLog() {
  ::munmap(const_cast<char*>(bytes_.data()), bytes_.size());
}

}  // namespace punchline::testing
