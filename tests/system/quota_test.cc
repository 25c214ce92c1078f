// A quota that is used up: on btrfs neither the state nor a punch gets room then. (XFS and ext4 have
// quotas of their own, which few kernels that tests run on were built with.)

#include <atomic>
#include <filesystem>
#include <iostream>
#include <thread>

#include <fcntl.h>
#include <unistd.h>

#include "tests/support/fs_mounts.h"
#include "tests/system/place.h"

namespace punchline::testing {
namespace {

using Catch::Matchers::Contains;
using std::chrono::seconds;

constexpr std::uint64_t kMib = 1024 * 1024;

/// A buffer in a btrfs subvolume that may hold 24 MiB; nothing where there is none.
struct Bench : Place {
  Bench() {
    subvolume = mounts.mount_qgroup(24 * kMib);
    if (subvolume.empty()) {
      std::cerr << "left out: " << mounts.why() << "\nnothing tested\n";
      return;
    }
    buffer = subvolume + "/buffer";
    setup.buffer = buffer;
    setup.before = {"env", "PUNCHLINE_UNFREED_BYTES_MAX=8MiB"};
  }

  explicit operator bool() const { return !subvolume.empty(); }

  FsMounts mounts;
  std::string subvolume;
};

constexpr std::size_t kLineBytes = 1000;

/// Appends lines until one does not fit, as a whole or at all; returns how many did.
int fill(const std::string& buffer) {
  const int fd = ::open(buffer.c_str(), O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
  const auto line = std::string(kLineBytes - 1, 'x') + "\n";
  int lines = 0;
  while (::write(fd, line.data(), line.size()) == static_cast<ssize_t>(line.size()))
    ++lines;
  ::close(fd);
  return lines;
}

bool append_fits(const std::string& buffer) {
  const int fd = ::open(buffer.c_str(), O_WRONLY | O_APPEND | O_CLOEXEC);
  const bool fits = ::write(fd, "one more\n", 9) == 9;
  ::close(fd);
  return fits;
}

void run_once_away(const Bench& bench) {
  Agent away({.buffer = bench.buffer, .brokers = "127.0.0.1:1", .topic = "t"});
  REQUIRE(away.logs("fresh"));
  REQUIRE(eventually(seconds(10), [&] { return away.metric("punchline_buffer_open") == 1; }));
  REQUIRE(eventually(seconds(10),
                     [&] { return std::filesystem::exists(bench.buffer + ".reserve"); }));
  CHECK(away.stop().code == 0);
}

}  // namespace

TEST_CASE("a buffer at the limit of its quota is freed without help, also from a start on",
          "[F3]") {
  Bench bench;
  if (!bench) return;
  run_once_away(bench);
  const auto lines = fill(bench.buffer);
  REQUIRE_FALSE(append_fits(bench.buffer));
  Agent agent(bench.setup);
  REQUIRE(agent.drains());
  INFO(agent.log());
  CHECK(eventually(seconds(20), [&] { return inspect(bench.buffer).data_bytes < 64 * 1024; }));
  CHECK(eventually(seconds(20), [&] { return append_fits(bench.buffer); }));
  REQUIRE(agent.drains());
  // What an agent before could not take away at the limit is no other agent.
  CHECK_THAT(agent.log(), !Contains("taken over") && !Contains("raise its limit"));
  CHECK(std::filesystem::file_size(bench.buffer + ".reserve") == kMib);
  CHECK(agent.metric("punchline_records_confirmed_total") == lines + 1);
  CHECK(agent.stop().code == 0);
}

// A producer can be faster than the agent, and take what the reserve gave back (FORMAT.md, limits).
// Then the agent says what to do.
TEST_CASE("producers that take each byte of a quota stop no buffer, or it is said what helps") {
  Bench bench;
  if (!bench) return;
  run_once_away(bench);
  const auto lines = fill(bench.buffer);
  std::atomic<bool> goes_on{true};
  std::thread producer([&] {
    while (goes_on) {
      const int fd = ::open(bench.buffer.c_str(), O_WRONLY | O_APPEND | O_CLOEXEC);
      const auto line = std::string(kLineBytes - 1, 'y') + "\n";
      for (int i = 0; i < 1000 && goes_on; ++i)
        (void)!::write(fd, line.data(), line.size());
      ::close(fd);
    }
  });
  Agent agent(bench.setup);
  const auto confirmed = [&] { return agent.metric("punchline_bytes_confirmed_total"); };
  const auto has_lost = [&] { return agent.log().find("raise its limit") != std::string::npos; };
  // Four times what the quota holds.
  CHECK(eventually(seconds(60),
                   [&] { return has_lost() || confirmed() > 4.0 * lines * kLineBytes; }));
  goes_on = false;
  producer.join();
  INFO(agent.log());
  if (has_lost()) REQUIRE(bench.mounts.set_qgroup_limit(bench.subvolume, 48 * kMib));
  CHECK(eventually(seconds(20), [&] { return append_fits(bench.buffer); }));  // and ends the last line
  CHECK(agent.drains());
  CHECK(eventually(seconds(20), [&] { return inspect(bench.buffer).data_bytes < 64 * 1024; }));
  CHECK(agent.stop().code == 0);
}

TEST_CASE("without room for a reserve all is delivered, and the log says which limit to raise",
          "[F4]") {
  Bench bench;
  if (!bench) return;
  const auto lines = fill(bench.buffer);
  Agent agent(bench.setup);
  REQUIRE(agent.drains());
  INFO(agent.log());
  CHECK_THAT(agent.log(), Contains("the quota that the file counts for is used up") &&
                              Contains("raise its limit (btrfs qgroup limit"));
  CHECK_FALSE(append_fits(bench.buffer));
  CHECK(agent.metric("punchline_records_confirmed_total") == lines);
  REQUIRE(bench.mounts.set_qgroup_limit(bench.subvolume, 48 * kMib));
  CHECK(eventually(seconds(20), [&] { return inspect(bench.buffer).data_bytes < 64 * 1024; }));
  CHECK(agent.stop().code == 0);
}

}  // namespace punchline::testing
