// Calls that fail at a test's word, for the programs that preload this, as long as a file is there:
//   FAIL_CALLS.holder   fgetxattr(2) of the holder, on a file that has lost its name
//   FAIL_CALLS.statx    statx(2), likewise
//   FAIL_CALLS.state    fgetxattr(2) of the state, on a file whose name ends with ".1"
//   FAIL_CALLS.store    fsetxattr(2) of the state
//   FAIL_CALLS.inotify  inotify_init1(2)
//   FAIL_CALLS.readdir  readdir(3)
//   FAIL_CALLS.names    lgetxattr(2)
// Each that fails makes FAIL_CALLS.NAME.met.
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <string>

#include <dirent.h>
#include <dlfcn.h>
#include <fcntl.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

namespace {

bool is_to_fail(const char* call) {
  const char* words = std::getenv("FAIL_CALLS");
  const auto word = std::string(words == nullptr ? "" : words) + "." + call;
  if (words == nullptr || ::access(word.c_str(), F_OK) != 0) return false;
  ::close(::open((word + ".met").c_str(), O_CREAT | O_CLOEXEC, 0600));
  return true;
}

std::string name_of(int fd) {
  std::string target(4096, '\0');
  const auto link = "/proc/self/fd/" + std::to_string(fd);
  const auto bytes = ::readlink(link.c_str(), target.data(), target.size());
  target.resize(bytes > 0 ? static_cast<std::size_t>(bytes) : 0);
  return target;
}

bool has_lost_its_name(int fd) {
  return name_of(fd).find(" (deleted)") != std::string::npos;
}

bool is_state(const char* name) {
  return std::strcmp(name, "user.punchline") == 0;
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
  if (is_state(name) && name_of(fd).ends_with(".1") && is_to_fail("state")) {
    errno = ENOMEM;
    return -1;
  }
  return real(fd, name, value, size);
}

ssize_t lgetxattr(const char* path, const char* name, void* value, size_t size) noexcept {
  static const auto real =
      reinterpret_cast<decltype(&lgetxattr)>(::dlsym(RTLD_NEXT, "lgetxattr"));
  if (is_to_fail("names")) {
    errno = ENOMEM;
    return -1;
  }
  return real(path, name, value, size);
}

int fsetxattr(int fd, const char* name, const void* value, size_t size, int flags) noexcept {
  static const auto real =
      reinterpret_cast<decltype(&fsetxattr)>(::dlsym(RTLD_NEXT, "fsetxattr"));
  if (is_state(name) && is_to_fail("store")) {
    errno = EDQUOT;
    return -1;
  }
  return real(fd, name, value, size, flags);
}

int inotify_init1(int flags) noexcept {
  static const auto real =
      reinterpret_cast<decltype(&inotify_init1)>(::dlsym(RTLD_NEXT, "inotify_init1"));
  if (is_to_fail("inotify")) {
    errno = EMFILE;
    return -1;
  }
  return real(flags);
}

struct dirent* readdir(DIR* folder) {
  static const auto real = reinterpret_cast<decltype(&readdir)>(::dlsym(RTLD_NEXT, "readdir"));
  const int before = errno;  // who calls tells the end from a failure by it
  const bool fails = is_to_fail("readdir");
  errno = fails ? ENOMEM : before;
  return fails ? nullptr : real(folder);
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
