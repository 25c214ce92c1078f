#include "agent/host/last_look.h"

#include <ctime>

#include <sys/xattr.h>

#include "buffer/base/timestamp.h"
#include "tests/support/catch.h"
#include "tests/support/process.h"
#include "tests/support/temp_dir.h"

using namespace punchline;
using punchline::testing::run;
using punchline::testing::TempDir;
using punchline::testing::write_file;

namespace {

constexpr std::time_t kHour = 3600;

/// A lock file.
struct LockFilePath {
  const TempDir folder{"look"};
  const std::string path = folder.file("app.buf.agent");
  LockFilePath() { write_file(path, ""); }
  void note(const std::string& text) const {
    REQUIRE(::setxattr(path.c_str(), "user.punchline.seen", text.data(), text.size(), 0) == 0);
  }
};

}  // namespace

TEST_CASE("what was noted is the last look, and nothing where none was") {
  const LockFilePath lock;
  CHECK(*last_look(lock.path) == std::nullopt);
  CHECK(*last_look(lock.folder.file("none")) == std::nullopt);
  const auto now = filesystem_now();
  CHECK(note_look(lock.path, now) == nanoseconds(now));
  CHECK(*last_look(lock.path) == nanoseconds(now));
}

TEST_CASE("what is no time is no look") {
  const LockFilePath lock;
  lock.note(GENERATE("", "soon", "12 soon", "12x", "99999999999999999999"));
  CHECK(*last_look(lock.path) == std::nullopt);
}

// One start with a clock that is behind must not make all that came since look new to the next.
TEST_CASE("a look by a clock that is behind does not take back a later one") {
  const LockFilePath lock;
  const auto right = filesystem_now();
  REQUIRE(note_look(lock.path, right) == nanoseconds(right));
  auto behind = right;
  behind.tv_sec -= kHour;
  note_look(lock.path, behind);
  CHECK(*last_look(lock.path) == nanoseconds(right));
  const struct timespec epoch { 100, 0 };
  CHECK(note_look(lock.path, epoch) == nanoseconds(right));
  CHECK(*last_look(lock.path) == nanoseconds(right));
}

TEST_CASE("a look by a clock that was ahead is a time to come until the next one") {
  const LockFilePath lock;
  const auto now = filesystem_now();
  const auto ahead_ns = nanoseconds(now) + kHour * 1'000'000'000;
  lock.note(std::to_string(ahead_ns));
  CHECK(*last_look(lock.path) == ahead_ns);
  CHECK(note_look(lock.path, now) == nanoseconds(now));
  CHECK(*last_look(lock.path) == nanoseconds(now));
}

TEST_CASE("a first look by a clock that cannot be right is none") {
  const LockFilePath lock;
  const struct timespec epoch { 100, 0 };
  CHECK(note_look(lock.path, epoch) == std::nullopt);
  CHECK(*last_look(lock.path) == std::nullopt);
}

// All beside the copy was made since, and would be taken for what was rotated.
TEST_CASE("a lock file that was copied with its attributes knows no look", "[L7]") {
  const LockFilePath lock;
  REQUIRE(note_look(lock.path, filesystem_now()).has_value());
  const auto copy = lock.folder.file("copy.agent");
  REQUIRE(run({.argv = {"cp", "-a", lock.path, copy}}).exit.code == 0);
  CHECK(last_look(lock.path)->has_value());
  CHECK(*last_look(copy) == std::nullopt);
  CHECK(note_look(copy, filesystem_now()).has_value());
  CHECK(last_look(copy)->has_value());
}

TEST_CASE("a look of a program that noted no lock file with it counts", "[L2]") {
  const LockFilePath lock;
  const auto now_ns = nanoseconds(filesystem_now());
  lock.note(std::to_string(now_ns));
  CHECK(*last_look(lock.path) == now_ns);
}
