#include "buffer/lock.h"

#include <csignal>

#include <sys/wait.h>
#include <unistd.h>

#include "tests/contract/files.h"
#include "tests/support/catch.h"
#include "tests/support/temp_dir.h"

using namespace punchline;
using Catch::Matchers::Contains;
using punchline::testing::opened;
using punchline::testing::TempDir;
using punchline::testing::write_file;

namespace {

/// A buffer, opened twice as two agents would.
struct Two {
  TempDir folder{"lock"};
  std::string path = folder.file("buffer");
  std::unique_ptr<PosixFile> first;
  std::unique_ptr<PosixFile> second;

  Two() {
    write_file(path, "text\n");
    first = opened(path);
    second = opened(path);
  }
};

}  // namespace

TEST_CASE("the second comer is told who holds the lock") {
  Two two;
  auto held = Lock::acquire(*two.first);
  REQUIRE(held.ok());
  REQUIRE(held->note_holder().ok());
  const auto refused = Lock::acquire(*two.second);
  REQUIRE_FALSE(refused.ok());
  CHECK(refused.error().kind() == ErrorKind::busy);
  CHECK_THAT(refused.error().message(),
             Contains(two.path + " is locked by pid " + std::to_string(::getpid()) + " on "));
}

TEST_CASE("an orderly release leaves neither lock nor name") {
  Two two;
  {
    auto held = Lock::acquire(*two.first);
    REQUIRE(held.ok());
    REQUIRE(held->note_holder().ok());
    CHECK(*Lock::is_held(*two.second));
    CHECK(Lock::holder(*two.second)->pid == ::getpid());
  }
  CHECK_FALSE(*Lock::is_held(*two.second));
  CHECK_FALSE((*two.second->attribute(kHolderAttribute)).has_value());
  CHECK(Lock::acquire(*two.second).ok());
}

TEST_CASE("asking who holds it takes nothing") {
  Two two;
  CHECK_FALSE(*Lock::is_held(*two.second));
  CHECK_FALSE(Lock::holder(*two.second).has_value());
  auto held = Lock::acquire(*two.first);
  REQUIRE(held.ok());
  CHECK(*Lock::is_held(*two.second));
  CHECK(*Lock::is_held(*two.first));
}

TEST_CASE("a killed holder's name is not believed, and its lock is free") {
  Two two;
  int ready[2];
  REQUIRE(::pipe(ready) == 0);
  const pid_t child = ::fork();
  if (child == 0) {
    auto held = Lock::acquire(*opened(two.path));
    const char word = held.ok() && held->note_holder().ok() ? 'y' : 'n';
    if (::write(ready[1], &word, 1) == 1) ::pause();
    ::_exit(1);
  }
  char word = 0;
  REQUIRE(::read(ready[0], &word, 1) == 1);
  REQUIRE(word == 'y');
  CHECK(Lock::holder(*two.second)->pid == child);
  ::kill(child, SIGKILL);
  REQUIRE(::waitpid(child, nullptr, 0) == child);
  ::close(ready[0]);
  ::close(ready[1]);
  CHECK((*two.second->attribute(kHolderAttribute)).has_value());
  CHECK_FALSE(Lock::holder(*two.second).has_value());
  auto mine = Lock::acquire(*two.first);
  REQUIRE(mine.ok());
  CHECK_FALSE(Lock::holder(*two.second).has_value());  // held, but by nobody that is named there
  const auto refused = Lock::acquire(*two.second);
  REQUIRE_FALSE(refused.ok());
  CHECK_THAT(refused.error().message(), Contains("another process"));
}

TEST_CASE("the lock is no writer") {
  Two two;
  auto held = Lock::acquire(*two.first);
  REQUIRE(held.ok());
  REQUIRE(held->note_holder().ok());
  CHECK(*two.first->nobody_writes());
}

TEST_CASE("the lock belongs to the file, not to its name") {
  Two two;
  auto held = Lock::acquire(*two.first);
  REQUIRE(held.ok());
  const auto moved = two.folder.file("moved");
  REQUIRE(::rename(two.path.c_str(), moved.c_str()) == 0);
  CHECK_FALSE(Lock::acquire(*opened(moved)).ok());
  write_file(two.path, "another\n");
  CHECK(Lock::acquire(*opened(two.path)).ok());
}

TEST_CASE("a holder is text and back") {
  const LockHolder holder{"web1", 123, "2026-01-31T12:00:00Z"};
  CHECK(encode(holder) == "host=web1 pid=123 since=2026-01-31T12:00:00Z");
  CHECK(decode_holder(encode(holder)) == holder);
  CHECK(holder.text() == "pid 123 on web1 since 2026-01-31T12:00:00Z");
  for (const char* text :
       {"", "host=web1", "pid=12", "host=web1 pid=none", "host= pid=3", "===="}) {
    INFO(text);
    CHECK_FALSE(decode_holder(text).has_value());
  }
}
