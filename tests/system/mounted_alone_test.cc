// One file is mounted from another filesystem than its folder's, as a container's may be.

#include <iostream>

#include "tests/support/fs_mounts.h"
#include "tests/system/place.h"

namespace punchline::testing {
namespace {

using Catch::Matchers::Contains;
using std::chrono::seconds;

constexpr std::uint64_t kMib = 1024 * 1024;

/// A buffer that is mounted alone.
struct Bench : Place {
  /// A file of folder `inner` on a name in folder `around`; false where that cannot be done, as
  /// where one of them is "".
  bool mount(const std::string& inner, const std::string& around) {
    buffer = around + "/buffer";
    setup.buffer = buffer;
    if (!inner.empty() && !around.empty()) {
      write_file(inner + "/inner", "");
      write_file(buffer, "");
      if (mounts.mount_file(inner + "/inner", buffer)) return true;
    }
    std::cerr << "left out: " << mounts.why() << "\nnothing tested\n";
    return false;
  }

  FsMounts mounts;
};

}  // namespace

TEST_CASE("a file that cannot be punched is refused, though its folder's filesystem could") {
  Bench bench;
  const TempDir source("alone");
  const auto bindfs = bench.mounts.mount_bindfs(source.path());
  if (!bench.mount(bindfs, bench.folder.path())) return;
  for (const auto* command : {"run", "check"}) {
    const auto ended = run(punchline({command, "-b", bench.buffer, "--topic", "t", "--brokers",
                                      bench.setup.brokers}));
    CHECK(ended.exit.code == 78);
    CHECK_THAT(ended.out + ended.err, Contains("could not be freed"));
  }
  bench.setup.more = {"-b", bench.folder.file("other")};
  Agent agent(bench.setup);
  CHECK(agent.logs("the others go on"));
  write_file(bench.folder.file("other"), "one\n");
  CHECK(eventually(seconds(20),
                   [&] { return agent.metric("punchline_records_confirmed_total") == 1; }));
  CHECK_THAT(agent.page("/status"), Contains("could not be freed"));
  CHECK(agent.stop().code == 0);
}

TEST_CASE("a file that can be punched is forwarded and freed in a folder that cannot") {
  Bench bench;
  const TempDir source("alone");
  const auto bindfs = bench.mounts.mount_bindfs(source.path());
  if (!bench.mount(bench.folder.path(), bindfs)) return;
  Agent agent(bench.setup);
  bench.append(std::string(100, 'x') + "\n" + std::string(300'000, 'y') + "\n");
  CHECK(agent.drains());
  CHECK(eventually(seconds(20),
                   [&] { return agent.metric("punchline_bytes_freed_total") > 290'000; }));
  CHECK_THAT(agent.log(), !Contains("warning"));
  CHECK(agent.stop().code == 0);
}

TEST_CASE("a quarantine in a folder that forgets is warned of where the buffer lasts") {
  Bench bench;
  const auto memory = bench.mounts.mount("tmpfs", 32 * kMib);
  const auto disk = bench.mounts.mount("ext4", 64 * kMib);
  if (!bench.mount(disk, memory)) return;
  const auto checked = run(punchline({"check", "-b", bench.buffer, "--topic", "t", "--brokers",
                                      bench.setup.brokers}));
  CHECK(checked.exit.code == 0);
  CHECK_THAT(checked.out, Contains("quarantine") && Contains("tmpfs, which forgets"));
  Agent agent(bench.setup);
  CHECK(agent.logs("tmpfs, which forgets"));
  CHECK(agent.stop().code == 0);
}

}  // namespace punchline::testing
