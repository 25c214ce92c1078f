#pragma once

#include <cstdint>
#include <filesystem>
#include <string>

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
  bool is_look_noted() const { return !noted_look().empty(); }
  std::string noted_look() const {
    std::string text(64, '\0');
    const auto bytes = ::getxattr((buffer + ".agent").c_str(), "user.punchline.seen", text.data(),
                                  text.size());
    text.resize(bytes < 0 ? 0 : static_cast<std::size_t>(bytes));
    return text;
  }
  void note_look(std::int64_t time_ns) const {
    const auto text = std::to_string(time_ns);
    REQUIRE(::setxattr((buffer + ".agent").c_str(), "user.punchline.seen", text.data(),
                       text.size(), 0) == 0);
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
