#include "buffer/probe.h"

#include <filesystem>
#include <iterator>

#include "buffer/boot.h"
#include "tests/support/catch.h"
#include "tests/support/temp_dir.h"

using namespace punchline;
using punchline::testing::read_file;
using punchline::testing::TempDir;

TEST_CASE("the probe of an ordinary folder finds what a buffer needs, and leaves nothing") {
  TempDir folder("probe");
  const auto report = probe_folder(folder.path());
  REQUIRE(report.ok());
  INFO(report->filesystem << ": " << report->punch.sentence << "; " << report->holes.sentence);
  CHECK_FALSE(report->filesystem.empty());
  CHECK(report->block_bytes >= 512);
  CHECK(report->free_bytes > 0);
  CHECK(report->punch.works());
  CHECK(report->attributes.works());
  CHECK(report->collapse.works() == (report->collapse_unit_bytes > 0));
  using std::filesystem::directory_iterator;
  CHECK(std::distance(directory_iterator(folder.path()), directory_iterator()) == 0);
}

TEST_CASE("a folder that is not there cannot be probed") {
  TempDir folder("probe");
  const auto report = probe_folder(folder.file("none"));
  REQUIRE_FALSE(report.ok());
  CHECK(report.error().kind() == ErrorKind::not_found);
}

TEST_CASE("filesystems have names, unknown ones a number") {
  CHECK(filesystem_name(0x58465342) == "xfs");
  CHECK(filesystem_name(0xEF53) == "ext4");
  CHECK(filesystem_name(0x1234) == "type 0x1234");
}

TEST_CASE("the boot has an identity and a beginning that lies in the past", "[K12]") {
  const auto id = boot_id();
  REQUIRE(id.ok());
  CHECK(id->size() == 36);
  CHECK(*boot_id() == *id);
  const auto began = boot_time_ns();
  REQUIRE(began.ok());
  const auto stat = read_file("/proc/stat");
  const auto at = stat.find("\nbtime ");
  REQUIRE(at != std::string::npos);
  const auto btime = std::stoll(stat.substr(at + 7));
  CHECK(std::abs(*began / 1'000'000'000 - btime) <= 1);
}
