// Calls that fail at a test's word, for the programs that preload this: fgetxattr(2) of the holder
// as long as the file FAIL_CALLS.holder is there, statx(2) with FAIL_CALLS.statx; both on files
// that have lost their names alone.
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <string>

#include <dlfcn.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

namespace {

bool is_to_fail(const char* call) {
  const char* words = std::getenv("FAIL_CALLS");
  return words != nullptr && ::access((std::string(words) + "." + call).c_str(), F_OK) == 0;
}

bool has_lost_its_name(int fd) {
  std::string target(4096, '\0');
  const auto link = "/proc/self/fd/" + std::to_string(fd);
  const auto bytes = ::readlink(link.c_str(), target.data(), target.size());
  return bytes > 0 && target.find(" (deleted)") != std::string::npos;
}

}  // namespace

extern "C" {

ssize_t fgetxattr(int fd, const char* name, void* value, size_t size) noexcept {
  static const auto real =
      reinterpret_cast<decltype(&fgetxattr)>(::dlsym(RTLD_NEXT, "fgetxattr"));
  const bool is_holder = std::strcmp(name, "user.punchline.holder") == 0;
  if (is_holder && has_lost_its_name(fd) && is_to_fail("holder")) {
    errno = ENOMEM;
    return -1;
  }
  return real(fd, name, value, size);
}

int statx(int folder, const char* path, int flags, unsigned mask, struct statx* facts) noexcept {
  static const auto real = reinterpret_cast<decltype(&statx)>(::dlsym(RTLD_NEXT, "statx"));
  if (*path == '\0' && has_lost_its_name(folder) && is_to_fail("statx")) {
    errno = EIO;
    return -1;
  }
  return real(folder, path, flags, mask, facts);
}

}  // extern "C"
