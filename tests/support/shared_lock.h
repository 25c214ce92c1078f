#pragma once

#include <stdexcept>
#include <string>

#include <fcntl.h>
#include <unistd.h>

namespace punchline::testing {

/// The lock on a whole file that any program may take which may read the file, as lockf(3) of a
/// script does.
class SharedLock {
 public:
  explicit SharedLock(const std::string& path) : fd_(::open(path.c_str(), O_RDONLY | O_CLOEXEC)) {
    struct flock all {};
    all.l_type = F_RDLCK;
    if (fd_ < 0 || ::fcntl(fd_, F_OFD_SETLK, &all) != 0) throw std::runtime_error("lock " + path);
  }
  ~SharedLock() { ::close(fd_); }
  SharedLock(const SharedLock&) = delete;
  SharedLock& operator=(const SharedLock&) = delete;

 private:
  int fd_;
};

}  // namespace punchline::testing
