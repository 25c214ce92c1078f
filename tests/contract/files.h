#pragma once

#include <csignal>
#include <memory>
#include <string>

#include <sys/resource.h>

#include "buffer/posix_file.h"
#include "tests/support/catch.h"

namespace punchline::testing {

inline std::unique_ptr<PosixFile> opened(const std::string& path) {
  auto file = PosixFile::open(path);
  if (!file) FAIL(file.error().message());
  return std::move(*file);
}

/// A soft limit on the size of files, taken away again. It is the one way to a short write without
/// root.
class SizeLimit {
 public:
  SizeLimit() { ::signal(SIGXFSZ, SIG_IGN); }
  ~SizeLimit() { set(RLIM_INFINITY); }
  void set(rlim_t bytes) {
    rlimit limit{};
    REQUIRE(::getrlimit(RLIMIT_FSIZE, &limit) == 0);
    limit.rlim_cur = bytes;
    REQUIRE(::setrlimit(RLIMIT_FSIZE, &limit) == 0);
  }
};

}  // namespace punchline::testing
