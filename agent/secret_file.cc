#include "agent/secret_file.h"

#include <cerrno>
#include <system_error>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

namespace punchline {
namespace {

constexpr const char* kAllowed =
    "; allowed: a readable regular file of 1 byte to 64 KiB without NUL bytes";

class Descriptor {
 public:
  explicit Descriptor(const std::string& path)
      : fd_(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK)) {}
  ~Descriptor() {
    if (fd_ >= 0) ::close(fd_);
  }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  int get() const { return fd_; }

 private:
  int fd_;
};

Error unfit(const std::string& path, const std::string& why) {
  return {ErrorKind::refused, 0, "file " + path + ": " + why + kAllowed};
}

Error failed(const std::string& path) {
  return unfit(path, std::generic_category().message(errno));
}

/// One byte more than is allowed, if there is so much.
Result<std::string> read_all(int fd, const std::string& path) {
  std::string text(kSecretBytesMax + 1, '\0');
  std::size_t size = 0;
  while (size < text.size()) {
    const ssize_t got = ::read(fd, text.data() + size, text.size() - size);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return failed(path);
    if (got == 0) break;
    size += static_cast<std::size_t>(got);
  }
  text.resize(size);
  return text;
}

}  // namespace

Result<std::string> read_secret(const std::string& path) {
  const Descriptor file(path);
  struct stat facts {};
  if (file.get() < 0 || ::fstat(file.get(), &facts) != 0) return failed(path);
  if (!S_ISREG(facts.st_mode)) return unfit(path, "is not a regular file");
  auto text = read_all(file.get(), path);
  if (!text) return text;
  if (text->size() > kSecretBytesMax) return unfit(path, "is larger than 64 KiB");
  if (text->ends_with('\n')) text->pop_back();
  if (text->empty()) return unfit(path, "is empty");
  if (text->find('\0') != std::string::npos) return unfit(path, "holds a NUL byte");
  return text;
}

}  // namespace punchline
