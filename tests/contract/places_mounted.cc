#include <iostream>

#include "tests/contract/subject.h"
#include "tests/support/fs_mounts.h"

namespace punchline::testing {
namespace {

std::vector<Place> find_places(FsMounts& mounts) {
  constexpr std::uint64_t kMib = 1024 * 1024;
  std::vector<Place> found;
  const auto add = [&](const std::string& name, const std::string& folder) {
    if (folder.empty()) {
      std::cerr << "left out: " << name << ": " << mounts.why() << "\n";
    } else {
      found.push_back(folder_place(name, folder));
    }
  };
  const auto ext4 = mounts.mount("ext4", 64 * kMib);
  add("ext4", ext4);
  if (!ext4.empty()) {
    add("overlayfs on ext4", mounts.mount_overlay(ext4));
    add("FUSE with fallocate (mergerfs)", mounts.mount_mergerfs(ext4));
    for (auto& place : found)
      place.knows_holes = place.name.find("FUSE") == std::string::npos;
  }
  add("ext4 with blocks of 1 KiB", mounts.mount("ext4", 64 * kMib, "-b 1024"));
  add("xfs", mounts.mount("xfs", 320 * kMib));
  add("btrfs", mounts.mount("btrfs", 256 * kMib));
  add("tmpfs", mounts.mount("tmpfs", 64 * kMib));
  if (found.empty()) std::cerr << "no filesystem could be mounted: nothing tested\n";
  return found;
}

}  // namespace

const std::vector<Place>& places() {
  static FsMounts mounts;
  static const auto found = find_places(mounts);
  return found;
}

}  // namespace punchline::testing
