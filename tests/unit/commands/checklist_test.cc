#include "agent/commands/checklist.h"

#include <cstdlib>
#include <filesystem>

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "buffer/lock.h"
#include "buffer/state.h"
#include "tests/support/catch.h"
#include "tests/support/temp_dir.h"

using namespace punchline;
using punchline::testing::TempDir;
using punchline::testing::write_file;

namespace {

class Checked {
 public:
  ExitCode code(const std::string& path, const std::string& group = "") const {
    BufferConfig config;
    config.path = path;
    config.group = group;
    Checklist list;
    check_buffer(config, list);
    return list.code();
  }
  std::string file(std::string_view name) const { return dir_.file(name); }
  std::size_t files() const {
    return static_cast<std::size_t>(
        std::distance(std::filesystem::directory_iterator(dir_.path()), {}));
  }

 private:
  TempDir dir_{"checklist_test"};
};

/// While it lives files are looked at with no more rights than anybody's.
class Nobody {
 public:
  Nobody() {
    if (is_root_) REQUIRE(seteuid(65534) == 0);
  }
  ~Nobody() {
    if (is_root_ && seteuid(0) != 0) std::abort();
  }
  Nobody(const Nobody&) = delete;
  Nobody& operator=(const Nobody&) = delete;

 private:
  bool is_root_ = geteuid() == 0;
};

void set_state(const std::string& path, const std::string& value) {
  REQUIRE(setxattr(path.c_str(), "user.punchline", value.data(), value.size(), 0) == 0);
}

}  // namespace

TEST_CASE("what is missing can be created, and is not") {
  const Checked checked;
  CHECK(checked.code(checked.file("new")) == ExitCode::ok);
  CHECK(checked.files() == 0);
}

TEST_CASE("a file that is fit stays as it is") {
  const Checked checked;
  const auto path = checked.file("buf");
  write_file(path, "line\n");
  const auto written = std::filesystem::last_write_time(path);
  CHECK(checked.code(path) == ExitCode::ok);
  CHECK(checked.files() == 1);
  CHECK(testing::read_file(path) == "line\n");
  CHECK(std::filesystem::last_write_time(path) == written);
  for (const auto* name : {"user.punchline", "user.punchline.holder"}) {
    CHECK(getxattr(path.c_str(), name, nullptr, 0) == -1);
  }
}

TEST_CASE("each unfit path has the code that run would end with") {
  const Checked checked;
  write_file(checked.file("buf"), "");
  std::filesystem::create_symlink("buf", checked.file("link"));
  CHECK(checked.code(checked.file("link")) == ExitCode::config);
  CHECK(checked.code(std::filesystem::path(checked.file("buf")).parent_path()) == ExitCode::config);
  CHECK(checked.code(checked.file("none/buf")) == ExitCode::cannot_open);
  CHECK(checked.code(checked.file("new"), "no-such-group") == ExitCode::config);
  CHECK(checked.code(checked.file("new"), "0") == ExitCode::ok);
}

TEST_CASE("a buffer that is locked is for later") {
  const Checked checked;
  const auto path = checked.file("buf");
  write_file(path, "");
  const auto file = PosixFile::open(path);
  REQUIRE(file.ok());
  {
    const auto lock = LockRequest(LockFile::path_for(path)).wait(**file);
    REQUIRE(lock.ok());
    CHECK(checked.code(path) == ExitCode::temporary);
  }
  CHECK(checked.code(path) == ExitCode::ok);
}

TEST_CASE("a buffer whose quarantine could not be made or written is not fit") {
  const Checked checked;
  const auto path = checked.file("buf");
  const auto folder = std::filesystem::path(path).parent_path();
  write_file(path, "");
  REQUIRE(chmod(path.c_str(), 0666) == 0);
  SECTION("made") {
    REQUIRE(chmod(folder.c_str(), 0555) == 0);
    const Nobody nobody;
    CHECK(checked.code(path) == ExitCode::cannot_open);
  }
  SECTION("written") {
    write_file(path + ".quarantine", "");
    REQUIRE(chmod((path + ".quarantine").c_str(), 0444) == 0);
    REQUIRE(chmod(folder.c_str(), 0777) == 0);
    const Nobody nobody;
    CHECK(checked.code(path) == ExitCode::cannot_open);
  }
  SECTION("it is there already") {
    write_file(path + ".quarantine", "");
    REQUIRE(chmod((path + ".quarantine").c_str(), 0666) == 0);
    REQUIRE(chmod(folder.c_str(), 0555) == 0);
    const Nobody nobody;
    CHECK(checked.code(path) == ExitCode::ok);
  }
  REQUIRE(chmod(folder.c_str(), 0700) == 0);
}

TEST_CASE("a damaged state is a note, a sound one is fine") {
  const Checked checked;
  const auto path = checked.file("buf");
  write_file(path, "");
  set_state(path, "nonsense");
  CHECK(checked.code(path) == ExitCode::ok);
  State state;
  set_state(path, encode(state));
  CHECK(checked.code(path) == ExitCode::ok);
}

TEST_CASE("the first no decides the code") {
  Checklist list;
  list.yes("a");
  list.note("b");
  CHECK(list.code() == ExitCode::ok);
  list.no(ExitCode::io, "c");
  list.no(ExitCode::config, "d");
  CHECK(list.code() == ExitCode::io);
}
