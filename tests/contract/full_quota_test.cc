// A btrfs subvolume at the limit of its qgroup: what can be done there, and what the reserve is for.

#include <filesystem>
#include <iostream>

#include "buffer/lock.h"
#include "buffer/reserve_file.h"
#include "tests/contract/files.h"
#include "tests/support/catch.h"
#include "tests/support/fs_mounts.h"
#include "tests/support/temp_dir.h"

using namespace punchline;
using punchline::testing::fill_up;
using punchline::testing::FsMounts;
using punchline::testing::opened;
using punchline::testing::write_file;

namespace {

constexpr std::uint64_t kMib = 1024 * 1024;

/// A buffer of 8 MiB and a reserve, then the quota is filled by others.
struct Full {
  Full() : folder(mounts.mount_qgroup(24 * kMib)) {
    if (folder.empty()) {
      std::cerr << "left out: btrfs quota: " << mounts.why() << "\n";
      return;
    }
    write_file(folder + "/buffer", std::string(8 * kMib, 'x'));
    file = opened(folder + "/buffer");
    REQUIRE(file->open_for_writing().ok());
    REQUIRE(file->set_attribute("user.punchline", std::string(60, 'a')).ok());
    REQUIRE(file->sync_all().ok());
  }

  void fill() const { fill_up(folder + "/filler", 0); }

  FsMounts mounts;
  std::string folder;
  std::unique_ptr<PosixFile> file;
};

}  // namespace

TEST_CASE("at the limit of a qgroup neither state nor punch has room, until the reserve is gone",
          "[F3]") {
  Full full;
  if (full.folder.empty()) return;
  ReserveFile reserve(ReserveFile::path_for(full.folder + "/buffer"), {});
  REQUIRE(reserve.take().ok());
  full.fill();
  const auto set = full.file->set_attribute("user.punchline", std::string(60, 'b'));
  REQUIRE_FALSE(set.ok());
  CHECK(set.error().kind() == ErrorKind::no_space);
  const auto punched = full.file->punch({0, 8 * kMib});
  REQUIRE_FALSE(punched.ok());
  CHECK(punched.error().kind() == ErrorKind::no_space);
  CHECK(reserve.take().ok());  // it is there
  CHECK(reserve.give_up());
  CHECK(full.file->set_attribute("user.punchline", std::string(60, 'b')).ok());
  CHECK(full.file->punch({0, 8 * kMib}).ok());
  CHECK(reserve.take().ok());
}

TEST_CASE("a dead holder that could not be replaced for want of room takes nothing over later") {
  Full full;
  if (full.folder.empty()) return;
  const auto path = LockFile::path_for(full.folder + "/buffer");
  auto first = LockRequest(path).wait(*full.file);
  REQUIRE(first.ok());
  full.fill();
  first->reset();  // it cannot take its name away
  REQUIRE((*full.file->attribute(kHolderAttribute)).has_value());
  auto second = LockRequest(path).wait(*full.file);
  REQUIRE(second.ok());
  REQUIRE_FALSE((*second)->warnings().empty());
  CHECK((*second)->look().ok());
  std::filesystem::remove(full.folder + "/filler");
  CHECK((*second)->look().ok());
  CHECK((*second)->look().ok());
  CHECK((*second)->may_change().ok());
  const auto holder = decode_holder(**full.file->attribute(kHolderAttribute));
  REQUIRE(holder.has_value());
  second->reset();
  CHECK_FALSE((*full.file->attribute(kHolderAttribute)).has_value());
}
