#include "buffer/reserve_file.h"

#include <filesystem>

#include <sys/stat.h>
#include <unistd.h>

#include "tests/support/catch.h"
#include "tests/support/temp_dir.h"

using namespace punchline;
using punchline::testing::read_file;
using punchline::testing::TempDir;
using punchline::testing::write_file;

namespace {

bool exists(const std::string& path) {
  return std::filesystem::exists(path);
}

std::uint64_t allocated(const std::string& path) {
  struct stat found {};
  return ::stat(path.c_str(), &found) == 0 ? static_cast<std::uint64_t>(found.st_blocks) * 512 : 0;
}

}  // namespace

TEST_CASE("a reserve has blocks, is found again, and is gone when it is given up") {
  const TempDir folder("reserve");
  const auto path = folder.file("buffer.reserve");
  ReserveFile reserve(path, {});
  CHECK_FALSE(reserve.give_up());
  REQUIRE(reserve.take().ok());
  CHECK(allocated(path) == ReserveFile::kBytes);
  ReserveFile next(path, {});  // another run
  REQUIRE(next.take().ok());
  CHECK(next.give_up());
  CHECK_FALSE(exists(path));
}

TEST_CASE("what somebody else keeps under the name of the reserve is left alone") {
  const TempDir folder("reserve");
  const auto path = folder.file("buffer.reserve");
  ReserveFile reserve(path, {});
  REQUIRE(reserve.take().ok());
  SECTION("text in what was ours") {
    write_file(path, "mine");
    CHECK(reserve.take().error().kind() == ErrorKind::refused);
  }
  SECTION("a larger file of holes") {
    REQUIRE(::truncate(path.c_str(), ReserveFile::kBytes + 1) == 0);
    CHECK(reserve.take().error().kind() == ErrorKind::refused);
  }
  SECTION("a second name of a file") {
    std::filesystem::create_hard_link(path, folder.file("other"));
    CHECK(reserve.take().error().kind() == ErrorKind::refused);
  }
  SECTION("a symbolic link") {
    std::filesystem::remove(path);
    std::filesystem::create_symlink("elsewhere", path);
    CHECK(reserve.take().error().kind() == ErrorKind::refused);
  }
  CHECK_FALSE(reserve.give_up());
  CHECK(std::filesystem::is_symlink(path) != exists(path));
}

TEST_CASE("a buffer and its quarantine have one reserve") {
  CHECK(ReserveFile::path_for("a.buf") == "a.buf.reserve");
  CHECK(ReserveFile::path_for("a.buf.quarantine") == "a.buf.reserve");
  CHECK(ReserveFile::is_needed_on("btrfs"));
  CHECK_FALSE(ReserveFile::is_needed_on("ext4"));
}
