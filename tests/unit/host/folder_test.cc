#include "agent/host/folder.h"

#include <deque>
#include <filesystem>
#include <vector>

#include "agent/host/last_look.h"
#include "buffer/base/timestamp.h"
#include "tests/support/catch.h"
#include "tests/support/temp_dir.h"

using namespace punchline;
using punchline::testing::TempDir;
using punchline::testing::write_file;

namespace {

using Listing = Result<std::vector<int>>;

/// The last one again and again.
Listing settled(std::deque<Listing> listings) {
  return list_until_settled("/folder", [&] {
    auto next = listings.front();
    if (listings.size() > 1) listings.pop_front();
    return next;
  });
}

}  // namespace

TEST_CASE("a folder is listed until two listings in a row are equal") {
  using Files = std::vector<int>;
  CHECK(*settled({Files{1, 2}}) == Files{1, 2});
  CHECK(*settled({Files{1}, Files{1, 2}}) == Files{1, 2});
  CHECK(*settled({Files{1, 2}, Files{1}, Files{1, 2}}) == Files{1, 2});
}

TEST_CASE("a folder whose names do not stand still, or that cannot be listed, is an error") {
  int number = 0;
  const auto moving =
      list_until_settled("/folder", [&] { return Listing(std::vector<int>{++number}); });
  REQUIRE(!moving);
  CHECK(moving.error().kind() == ErrorKind::busy);
  CHECK(moving.error().message() == "list /folder: names change all the time");
  const auto failed = settled({std::vector<int>{1}, Error(ErrorKind::io, 0, "no")});
  REQUIRE(!failed);
  CHECK(failed.error().kind() == ErrorKind::io);
}

// ext4 gives the inode of a deleted file to the next one.
TEST_CASE("a file that has the inode of a deleted one is another file") {
  const TempDir folder("ids");
  const auto path = folder.file("a");
  write_file(path, "");
  const auto first = file_id(path);
  REQUIRE(first);
  std::filesystem::remove(path);
  while (nanoseconds(filesystem_now()) <= first->born_ns) {  // a tick of some milliseconds
  }
  write_file(path, "");
  const auto second = file_id(path);
  REQUIRE(second);
  CHECK(first != second);
  CHECK(file_id(path) == second);
  CHECK_FALSE(file_id(folder.file("b")));
}
