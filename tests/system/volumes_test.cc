// Buffers on several filesystems, or on one that is mounted late: FORMAT.md, "Rotated by hand".

#include <filesystem>
#include <iostream>

#include <sys/stat.h>

#include "tests/support/eventually.h"
#include "tests/support/fs_mounts.h"
#include "tests/support/occurrences.h"
#include "tests/system/place.h"

namespace punchline::testing {
namespace {

namespace fs = std::filesystem;
using std::chrono::seconds;

constexpr std::uint64_t kMib = 1024 * 1024;

ino_t inode_of(const std::string& path) {
  struct stat found {};
  REQUIRE(::stat(path.c_str(), &found) == 0);
  return found.st_ino;
}

/// "" and a word for ctest where it cannot be had.
std::string disk(FsMounts& mounts) {
  auto folder = mounts.mount("ext4", 64 * kMib);
  if (folder.empty()) std::cerr << "left out: " << mounts.why() << "\nnothing tested\n";
  return folder;
}

}  // namespace

TEST_CASE("files of two volumes that have the same inode number are two files") {
  Place place;
  FsMounts mounts;
  const auto first = disk(mounts);
  const auto second = disk(mounts);
  if (first.empty() || second.empty()) return;
  place.buffer = place.setup.buffer = first + "/app.buf";
  const auto other = second + "/app.buf";
  write_file(place.buffer, "");
  write_file(other, "");
  REQUIRE(place.once({"-b", other}).exit.code == 0);
  write_file(other, "old\n");
  fs::rename(other, other + ".1");
  write_file(other, "new\n");
  REQUIRE(inode_of(place.buffer) == inode_of(other + ".1"));
  const auto once = place.once({"-b", other});
  INFO(once.err);
  CHECK(once.exit.code == 0);
  CHECK(occurrences(place.delivered(), "old\n") == 1);
  CHECK(occurrences(place.delivered(), "new\n") == 1);
}

TEST_CASE("what was rotated on a volume that is mounted late is found once it is there") {
  Place place;
  FsMounts mounts;
  const auto volume = disk(mounts);
  if (volume.empty()) return;
  const auto file = volume + "/app.buf";
  place.buffer = place.setup.buffer = file;
  write_file(file, "one\n");
  REQUIRE(place.once().exit.code == 0);
  fs::remove(file);
  write_file(file, "two\n");  // no agent will ever have had it under this name
  fs::rename(file, file + ".1");
  write_file(file, "three\n");
  const auto late = place.folder.file("late");
  fs::create_directory(late);
  place.setup.buffer = late + "/app.buf";
  Agent agent(place.setup);
  REQUIRE(agent.logs("app.buf: created"));
  REQUIRE(mounts.sh("mount --bind " + volume + " " + late));
  CHECK(eventually(seconds(20), [&] {
    const auto delivered = place.delivered();
    return occurrences(delivered, "two\n") == 1 && occurrences(delivered, "three\n") == 1;
  }));
  CHECK(agent.stop().code == 0);
  CHECK(mounts.sh("umount " + late));
}

}  // namespace punchline::testing
