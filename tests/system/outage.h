#pragma once

#include <filesystem>
#include <string>

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/xattr.h>

#include "tests/support/eventually.h"
#include "tests/system/place.h"

namespace punchline::testing {

/// A buffer that is rotated while no agent runs, as logrotate(8) does.
struct Outage : Place {
  Outage() {
    buffer = folder.file("app.buf");
    setup.buffer = buffer;
  }
  std::string beside(const std::string& name) const { return folder.file(name); }
  /// An agent has noted on the lock file when it has looked.
  bool is_look_noted() const {
    struct statx lock {};
    if (::statx(AT_FDCWD, (buffer + ".agent").c_str(), 0, STATX_MTIME | STATX_BTIME, &lock) < 0)
      return false;
    return lock.stx_mtime.tv_sec != lock.stx_btime.tv_sec ||
           lock.stx_mtime.tv_nsec != lock.stx_btime.tv_nsec;
  }
  /// An agent has the buffer, reaches no broker, and is killed.
  void agent_dies() const {
    auto lonely = setup;
    lonely.brokers = "127.0.0.1:1";
    Agent agent(lonely);
    REQUIRE(eventually(std::chrono::seconds(20), [&] {
      return is_look_noted() && ::getxattr(buffer.c_str(), "user.punchline.name", nullptr, 0) > 0;
    }));
    agent.kill9();
  }
  void rename_to(const std::string& name) const {
    std::filesystem::rename(buffer, beside(name));
    write_file(buffer, "");
  }
  void gzip(const std::string& name) const {
    REQUIRE(run({.argv = {"gzip", beside(name)}}).exit.code == 0);
  }
};

}  // namespace punchline::testing
