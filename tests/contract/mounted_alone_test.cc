// A file that is mounted alone, as a container's may be: it is judged by its own filesystem.

#include <filesystem>
#include <iostream>

#include <sys/stat.h>

#include "buffer/probe.h"
#include "tests/contract/files.h"
#include "tests/support/catch.h"
#include "tests/support/fs_mounts.h"
#include "tests/support/temp_dir.h"

using namespace punchline;
using punchline::testing::FsMounts;
using punchline::testing::opened;
using punchline::testing::read_file;
using punchline::testing::TempDir;
using punchline::testing::write_file;

namespace {

constexpr std::uint64_t kMib = 1024 * 1024;

void leave_out(const std::string& type, const FsMounts& mounts) {
  std::cerr << "left out: " << type << ": " << mounts.why() << "\n";
}

/// A new file `inner` mounted on a new one, `outer`; nullptr where that cannot be done.
std::unique_ptr<PosixFile> mounted(FsMounts& mounts, const std::string& inner,
                                   const std::string& outer, const std::string& text) {
  write_file(inner, text);
  write_file(outer, "");
  if (mounts.mount_file(inner, outer)) return opened(outer);
  leave_out("a file alone", mounts);
  return nullptr;
}

}  // namespace

TEST_CASE("a file mounted alone says what its filesystem can, and stays as it is") {
  const TempDir folder("alone");
  FsMounts mounts;
  const struct {
    const char* type;
    std::uint64_t bytes;
    bool collapses;
  } kinds[] = {{"ext4", 64 * kMib, true},
               {"xfs", 320 * kMib, true},
               {"btrfs", 256 * kMib, false},
               {"tmpfs", 32 * kMib, false}};
  for (const auto& kind : kinds) {
    INFO(kind.type);
    const auto inside = mounts.mount(kind.type, kind.bytes);
    if (inside.empty()) {
      leave_out(kind.type, mounts);
      continue;
    }
    for (const auto& text : {std::string(), std::string(5000, 'x'), std::string(3 * kMib, 'y')}) {
      const auto name = "/bytes-" + std::to_string(text.size());
      const auto outer = folder.file(kind.type + std::to_string(text.size()));
      const auto file = mounted(mounts, inside + name, outer, text);
      if (!file) return;
      struct stat before {};
      REQUIRE(::stat((inside + name).c_str(), &before) == 0);
      CHECK(is_mounted_alone(*file));
      const auto report = probe_file(*file);
      REQUIRE(report.ok());
      CHECK(report->filesystem == kind.type);
      CHECK(report->punch.works());
      CHECK(report->attributes.works());
      CHECK(report->collapse.works() == kind.collapses);
      struct stat after {};
      REQUIRE(::stat((inside + name).c_str(), &after) == 0);
      CHECK(after.st_size == before.st_size);
      CHECK(after.st_blocks == before.st_blocks);
      CHECK((read_file(inside + name) == text));
    }
    write_file(inside + "/beside", "");
    CHECK_FALSE(is_mounted_alone(*opened(inside + "/beside")));
  }
}

TEST_CASE("a file of bindfs mounted alone cannot be punched, and one in its folder can") {
  const TempDir source("alone");
  const TempDir folder("alone");
  FsMounts mounts;
  const auto bindfs = mounts.mount_bindfs(source.path());
  if (bindfs.empty()) {
    leave_out("bindfs", mounts);
    return;
  }
  const auto cannot = mounted(mounts, bindfs + "/a", folder.file("a"), "text\n");
  const auto can = mounted(mounts, folder.file("b"), bindfs + "/b", "text\n");
  if (!cannot || !can) return;
  const auto refused = probe_file(*cannot);
  REQUIRE(refused.ok());
  CHECK(refused->punch.missing());
  CHECK(is_mounted_alone(*can));
  const auto taken = probe_file(*can);
  REQUIRE(taken.ok());
  CHECK(taken->punch.works());
}

TEST_CASE("a folder that forgets is named where the file in it does not") {
  FsMounts mounts;
  const auto memory = mounts.mount("tmpfs", 32 * kMib);
  const auto other = mounts.mount("ext4", 64 * kMib);
  if (memory.empty() || other.empty()) {
    leave_out("tmpfs or ext4", mounts);
    return;
  }
  const auto lasts = mounted(mounts, other + "/a", memory + "/a", "");
  const auto forgets = mounted(mounts, memory + "/b", other + "/b", "");
  if (!lasts || !forgets) return;
  CHECK(forgetful_folder(*lasts) == "tmpfs");
  CHECK_FALSE(forgetful_folder(*forgets));
  write_file(memory + "/c", "");
  CHECK_FALSE(forgetful_folder(*opened(memory + "/c")));
}
