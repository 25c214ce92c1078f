#include "buffer/lock.h"

#include <csignal>

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/contract/files.h"
#include "tests/support/catch.h"
#include "tests/support/shared_lock.h"
#include "tests/support/temp_dir.h"

using namespace punchline;
using namespace std::chrono_literals;
using Catch::Matchers::Contains;
using punchline::testing::opened;
using punchline::testing::SharedLock;
using punchline::testing::TempDir;
using punchline::testing::write_file;

namespace {

using Held = Result<std::unique_ptr<Lock>>;

/// A buffer, opened twice as two agents would, which see one lock file or, as two containers that
/// share the file alone, each its own.
struct Two {
  TempDir folder{"lock"};
  std::string path = folder.file("buffer");
  std::unique_ptr<PosixFile> first;
  std::unique_ptr<PosixFile> second;
  LockRequest first_request{LockFile::path_for(path)};
  LockRequest second_request{LockFile::path_for(path)};
  LockRequest apart{folder.file("apart.agent")};
  LockRequest::Clock::time_point now{};

  Two() {
    write_file(path, "text\n");
    first = opened(path);
    second = opened(path);
  }
  Held take() { return first_request.attempt(*first, now); }
  Held take_second() { return second_request.attempt(*second, now); }
  Held take_apart() { return apart.attempt(*second, now); }
  bool has(std::string_view attribute) const { return (*second->attribute(attribute)).has_value(); }
};

/// A holder that is another process.
class Child {
 public:
  explicit Child(const std::string& path) {
    int ready[2];
    REQUIRE(::pipe(ready) == 0);
    pid_ = ::fork();
    if (pid_ == 0) {
      const auto held = LockRequest(LockFile::path_for(path)).wait(*opened(path));
      const char word = held.ok() ? 'y' : 'n';
      if (::write(ready[1], &word, 1) == 1) ::pause();
      ::_exit(1);
    }
    char word = 0;
    REQUIRE(::read(ready[0], &word, 1) == 1);
    REQUIRE(word == 'y');
    ::close(ready[0]);
    ::close(ready[1]);
  }
  ~Child() { kill(); }
  Child(const Child&) = delete;
  Child& operator=(const Child&) = delete;
  pid_t pid() const { return pid_; }
  void kill() {
    if (killed_) return;
    killed_ = true;
    ::kill(pid_, SIGKILL);
    ::waitpid(pid_, nullptr, 0);
  }

 private:
  pid_t pid_ = 0;
  bool killed_ = false;
};

}  // namespace

TEST_CASE("the second comer is told who holds the lock", "[W1]") {
  Two two;
  const auto held = two.take();
  REQUIRE(held.ok());
  CHECK((*held)->warnings().empty());
  CHECK((*held)->allows_collapse());
  const auto refused = two.take_second();
  REQUIRE_FALSE(refused.ok());
  CHECK_FALSE(two.second_request.is_undecided());
  CHECK(refused.error().kind() == ErrorKind::busy);
  CHECK_THAT(refused.error().message(),
             Contains(two.path + " is locked by pid " + std::to_string(::getpid()) + " on "));
}

TEST_CASE("an orderly release leaves neither lock nor name, and the lock file") {
  Two two;
  {
    const auto held = two.take();
    REQUIRE(held.ok());
    CHECK(Lock::is_held(*two.second));
    CHECK(Lock::holder(*two.second)->pid == ::getpid());
  }
  CHECK_FALSE(Lock::is_held(*two.second));
  CHECK_FALSE(two.has(kHolderAttribute));
  CHECK(::access(LockFile::path_for(two.path).c_str(), F_OK) == 0);
  CHECK(two.take_second().ok());
}

TEST_CASE("asking who holds it takes nothing") {
  Two two;
  CHECK_FALSE(Lock::is_held(*two.second));
  CHECK_FALSE(Lock::holder(*two.second).has_value());
  CHECK(::access(LockFile::path_for(two.path).c_str(), F_OK) != 0);
  const auto held = two.take();
  REQUIRE(held.ok());
  CHECK(Lock::is_held(*two.second));
  CHECK(Lock::is_held(*two.first));
}

TEST_CASE("a killed holder's name is not believed, and its lock is free at once", "[W3][K13]") {
  Two two;
  Child child(two.path);
  CHECK(Lock::holder(*two.second)->pid == child.pid());
  CHECK_FALSE(two.take().ok());
  child.kill();
  CHECK(two.has(kHolderAttribute));
  CHECK_FALSE(Lock::is_held(*two.second));
  CHECK_FALSE(Lock::holder(*two.second).has_value());
  REQUIRE(two.take().ok());
}

TEST_CASE("the lock is no writer, and no lock of it stands on the buffer") {
  Two two;
  const auto held = two.take();
  REQUIRE(held.ok());
  CHECK(*two.first->nobody_writes());
  const auto stranger = Descriptor::open(two.path, O_RDWR);
  REQUIRE(stranger.ok());
  CHECK(::flock(stranger->fd(), LOCK_EX | LOCK_NB) == 0);
  struct flock all {};
  all.l_type = F_WRLCK;
  CHECK(::fcntl(stranger->fd(), F_OFD_SETLK, &all) == 0);
}

TEST_CASE("no lock of a stranger on the buffer is in the way", "[W1]") {
  Two two;
  SECTION("flock") {
    const auto stranger = Descriptor::open(two.path, O_RDWR);
    REQUIRE(::flock(stranger->fd(), LOCK_EX | LOCK_NB) == 0);
    CHECK(two.take().ok());
  }
  SECTION("a lock for reading on all of it") {
    const SharedLock stranger(two.path);
    CHECK(two.take().ok());
  }
  SECTION("a lock for writing on all of it") {
    const auto stranger = Descriptor::open(two.path, O_RDWR);
    struct flock all {};
    all.l_type = F_WRLCK;
    REQUIRE(::fcntl(stranger->fd(), F_OFD_SETLK, &all) == 0);
    CHECK(two.take().ok());
  }
}

TEST_CASE("a program that locks the buffer itself is not joined", "[W7]") {
  Two two;
  const auto older = Descriptor::open(two.path, O_RDONLY);
  struct flock first_byte {};
  first_byte.l_type = F_RDLCK;
  first_byte.l_len = 1;
  REQUIRE(::fcntl(older->fd(), F_OFD_SETLK, &first_byte) == 0);
  REQUIRE(two.first->set_attribute(kHolderAttribute, "host=h pid=7 since=T").ok());
  SECTION("alone") {}
  SECTION("beside a stranger, whose lock the kernel may name instead") {
    const SharedLock stranger(two.path);
    CHECK_FALSE(two.take().ok());
  }
  const auto refused = two.take();
  REQUIRE_FALSE(refused.ok());
  CHECK_THAT(refused.error().message(), Contains("is locked by pid 7 on h since T"));
  CHECK(Lock::is_held(*two.second));
}

TEST_CASE("the lock belongs to the file, not to its name") {
  Two two;
  const auto held = two.take();
  REQUIRE(held.ok());
  const auto moved = two.folder.file("moved");
  REQUIRE(::rename(two.path.c_str(), moved.c_str()) == 0);
  CHECK_FALSE(LockRequest(LockFile::path_for(two.path)).attempt(*opened(moved), two.now).ok());
  write_file(two.path, "another\n");
  CHECK(LockRequest(LockFile::path_for(two.path)).attempt(*opened(two.path), two.now).ok());
}

TEST_CASE("who has another lock file asks, and a holder that lives answers", "[W5]") {
  Two two;
  const auto held = two.take();
  REQUIRE(held.ok());
  CHECK_FALSE(two.take_apart().ok());
  CHECK(two.apart.is_undecided());
  REQUIRE(two.has(kAskAttribute));
  two.now += LockRequest::kSilenceMin - 1ms;
  CHECK_FALSE(two.take_apart().ok());
  CHECK(two.apart.is_undecided());
  REQUIRE((*held)->look().ok());
  CHECK_FALSE(two.has(kAskAttribute));
  two.now += 1h;
  const auto refused = two.take_apart();
  REQUIRE_FALSE(refused.ok());
  CHECK_FALSE(two.apart.is_undecided());
  CHECK_THAT(refused.error().message(), Contains("is locked by pid"));
  CHECK((*held)->may_change().ok());
}

TEST_CASE("a holder that does not answer is taken over, and learns it before it changes anything",
          "[W5][W6]") {
  Two two;
  auto held = two.take();
  REQUIRE(held.ok());
  two.first->guard_with(held->get());
  REQUIRE(two.first->open_for_writing().ok());
  CHECK_FALSE(two.take_apart().ok());
  two.now += LockRequest::kSilenceMin;
  CHECK_FALSE(two.take_apart().ok());
  CHECK(two.apart.is_undecided());  // another newcomer may have come to the same
  CHECK_FALSE(two.take_apart().ok());
  two.now += LockRequest::kClaimMin;
  const auto taken = two.take_apart();
  REQUIRE(taken.ok());
  CHECK_FALSE((*taken)->allows_collapse());
  for (const auto& change :
       {(*held)->look(), two.first->set_attribute("user.other", "x"), two.first->punch({0, 4}),
        two.first->append(std::string_view("x")), two.first->remove_attribute("user.other"),
        two.first->collapse({0, 4096})}) {
    REQUIRE_FALSE(change.ok());
    CHECK(change.error().kind() == ErrorKind::busy);
    CHECK_THAT(change.error().message(), Contains("was taken over by pid"));
  }
  held->reset();
  CHECK((*taken)->may_change().ok());  // its name is not the one that goes
}

TEST_CASE("of two that take the same silent holder over, the one that stands has it", "[W5]") {
  Two two;
  const auto held = two.take();
  LockRequest third(two.folder.file("third.agent"));
  const auto take_third = [&] { return third.attempt(*two.second, two.now); };
  CHECK_FALSE(two.take_apart().ok());
  CHECK_FALSE(take_third().ok());
  two.now += LockRequest::kSilenceMin;
  CHECK_FALSE(two.take_apart().ok());
  const auto name = *two.second->attribute(kHolderAttribute);
  CHECK_FALSE(take_third().ok());
  two.now += LockRequest::kClaimMin;
  CHECK(name == *two.second->attribute(kHolderAttribute));
  CHECK(two.take_apart().ok());
}

TEST_CASE("a holder of another boot, or of an older program, is dead", "[W4]") {
  Two two;
  const auto text = GENERATE(
      "host=h pid=1 since=T boot=0000000000000001 lock=1:2:3 token=5", "host=h pid=1 since=T", "");
  REQUIRE(two.first->set_attribute(kHolderAttribute, text).ok());
  CHECK_FALSE(Lock::is_held(*two.second));
  CHECK_FALSE(two.take().ok());
  CHECK(two.first_request.is_undecided());
  two.now += LockRequest::kClaimMin;
  CHECK(two.take().ok());
}

TEST_CASE("without a lock file the attribute alone keeps others out, and nothing is collapsed",
          "[W2]") {
  Two two;
  const auto path = LockFile::path_for(two.path);
  SECTION("a folder has its name") { REQUIRE(::mkdir(path.c_str(), 0700) == 0); }
  SECTION("a symbolic link") { REQUIRE(::symlink("nowhere", path.c_str()) == 0); }
  SECTION("a FIFO") { REQUIRE(::mkfifo(path.c_str(), 0600) == 0); }
  const auto held = two.take();
  REQUIRE(held.ok());
  REQUIRE((*held)->warnings().size() == 1);
  CHECK_THAT((*held)->warnings()[0], Contains("no lock file"));
  CHECK_FALSE((*held)->allows_collapse());
  CHECK(Lock::is_held(*two.second));
  CHECK_FALSE(two.take_second().ok());
  CHECK(two.second_request.is_undecided());
  REQUIRE((*held)->look().ok());
  CHECK_FALSE(two.take_second().ok());
  CHECK_FALSE(two.second_request.is_undecided());
}

TEST_CASE("a lock file that was deleted or replaced lets nobody in beside the holder", "[W2]") {
  Two two;
  const auto path = LockFile::path_for(two.path);
  const auto held = two.take();
  REQUIRE(held.ok());
  REQUIRE(::unlink(path.c_str()) == 0);
  SECTION("deleted") {}
  SECTION("replaced") { write_file(path, ""); }
  CHECK_FALSE(two.take_second().ok());
  CHECK(two.second_request.is_undecided());
  CHECK(Lock::is_held(*two.second));
  REQUIRE((*held)->look().ok());
  CHECK_FALSE(two.take_second().ok());
  CHECK_FALSE(two.second_request.is_undecided());
}

TEST_CASE("the lock file has the rights of its buffer; the quarantine's is the same") {
  Two two;
  REQUIRE(::chmod(two.path.c_str(), 0660) == 0);
  REQUIRE(two.take().ok());
  struct stat found {};
  REQUIRE(::stat(LockFile::path_for(two.path).c_str(), &found) == 0);
  CHECK((found.st_mode & 07777) == 0660);
  CHECK(LockFile::path_for("a.buf.quarantine") == "a.buf.agent");
}

TEST_CASE("whoever relies on offsets and a collapse exclude each other, in one lock file", "[C2]") {
  Two two;
  const auto path = LockFile::path_for(two.path);
  const auto held = two.take();
  REQUIRE(held.ok());
  const auto writer = LockFile::open(*two.second, path);
  REQUIRE(writer.ok());
  {
    const auto collapsing = (*held)->hold_offsets();
    REQUIRE(collapsing.ok());
    CHECK(writer->lock(LockFile::Byte::offsets, 1ms).error().kind() == ErrorKind::busy);
  }
  REQUIRE(writer->try_lock(LockFile::Byte::offsets).ok());
  CHECK((*held)->hold_offsets().error().kind() == ErrorKind::busy);
}

TEST_CASE("a holder is text and back") {
  const LockHolder older{"web1", 123, "2026-01-31T12:00:00Z"};
  CHECK(encode(older) == "host=web1 pid=123 since=2026-01-31T12:00:00Z");
  CHECK(decode_holder(encode(older)) == older);
  const LockHolder holder{"web1", 123, "2026-01-31T12:00:00Z", "b", "8:1:2", "t"};
  CHECK(encode(holder) == "host=web1 pid=123 since=2026-01-31T12:00:00Z boot=b lock=8:1:2 token=t");
  CHECK(decode_holder(encode(holder)) == holder);
  CHECK(holder.text() == "pid 123 on web1 since 2026-01-31T12:00:00Z");
  for (const char* text :
       {"", "host=web1", "pid=12", "host=web1 pid=none", "host= pid=3", "===="}) {
    INFO(text);
    CHECK_FALSE(decode_holder(text).has_value());
  }
}
