// What PosixFile refuses, creates, and does with names: all that a fake cannot be asked.

#include "buffer/posix_file.h"

#include <atomic>
#include <csignal>
#include <functional>
#include <iostream>
#include <thread>

#include <fcntl.h>
#include <linux/fs.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/contract/files.h"
#include "tests/support/catch.h"
#include "tests/support/temp_dir.h"

using namespace punchline;
using Catch::Matchers::Contains;
using punchline::testing::opened;
using punchline::testing::read_file;
using punchline::testing::TempDir;
using punchline::testing::write_file;

namespace {

Error refusal_of(const std::string& path) {
  const auto file = PosixFile::open(path);
  REQUIRE_FALSE(file.ok());
  return file.error();
}

void check_refused(const std::string& path, const std::string& reason) {
  const auto error = refusal_of(path);
  CHECK(error.kind() == ErrorKind::refused);
  CHECK_THAT(error.message(), Contains(path) && Contains(reason));
}

/// What `action` returns in a child process with the rights of nobody.
int as_nobody(const std::function<int()>& action) {
  const pid_t child = ::fork();
  if (child == 0) ::_exit(::setresuid(65'534, 65'534, 65'534) == 0 ? action() : 99);
  int status = 0;
  REQUIRE(::waitpid(child, &status, 0) == child);
  return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

bool is_root() {
  if (::geteuid() == 0) return true;
  std::cerr << "left out: needs root\n";
  return false;
}

/// The mode bits and the group of a file.
struct stat stat_of(const std::string& path) {
  struct stat found {};
  REQUIRE(::stat(path.c_str(), &found) == 0);
  return found;
}

}  // namespace

TEST_CASE("while a writer of an older program relies on its offsets nothing is collapsed") {
  TempDir folder("posix");
  const auto path = folder.file("buffer");
  write_file(path, std::string(64 * 1024, 'x'));
  auto file = opened(path);
  REQUIRE(file->open_for_writing().ok());
  REQUIRE(file->punch({0, 8192}).ok());
  const auto writer = Descriptor::open(path, O_WRONLY);
  REQUIRE(writer.ok());
  REQUIRE(writer->try_lock_byte(1ULL << 62U).ok());
  const auto done = file->collapse({0, 8192});
  REQUIRE_FALSE(done.ok());
  CHECK(done.error().kind() == ErrorKind::busy);
  CHECK(file->facts()->size == 64 * 1024);
}

TEST_CASE("what is missing is not found, and its folder is not made") {
  TempDir folder("posix");
  CHECK(refusal_of(folder.file("none")).kind() == ErrorKind::not_found);
  CHECK(refusal_of(folder.file("no/such")).kind() == ErrorKind::not_found);
}

TEST_CASE("symbolic links are refused, wherever they lead") {
  TempDir folder("posix");
  write_file(folder.file("real"), "text\n");
  REQUIRE(::symlink("real", folder.file("link").c_str()) == 0);
  REQUIRE(::symlink("nowhere", folder.file("dangling").c_str()) == 0);
  check_refused(folder.file("link"), "symbolic link");
  check_refused(folder.file("dangling"), "symbolic link");
}

TEST_CASE("what is not a regular file is refused without waiting for it") {
  TempDir folder("posix");
  REQUIRE(::mkfifo(folder.file("fifo").c_str(), 0600) == 0);
  check_refused(folder.file("fifo"), "not a regular file");
  check_refused(folder.path(), "directory");
  check_refused("/dev/null", "not a regular file");
}

TEST_CASE("append-only and immutable files are refused") {
  TempDir folder("posix");
  for (const auto& [flag, word] :
       {std::pair{FS_APPEND_FL, "append-only"}, std::pair{FS_IMMUTABLE_FL, "immutable"}}) {
    const auto path = folder.file(word);
    write_file(path, "text\n");
    auto file = Descriptor::open(path, O_RDONLY);
    REQUIRE(file.ok());
    int flags = flag;
    if (::ioctl(file->fd(), FS_IOC_SETFLAGS, &flags) < 0) {
      std::cerr << "left out: chattr does not work here\n";
      return;
    }
    check_refused(path, word);
    flags = 0;
    REQUIRE(::ioctl(file->fd(), FS_IOC_SETFLAGS, &flags) == 0);
    CHECK(PosixFile::open(path).ok());
  }
}

TEST_CASE("somebody else's file is refused in a sticky folder only") {
  if (!is_root()) return;
  TempDir folder("posix");
  const auto path = folder.file("foreign");
  write_file(path, "text\n");
  REQUIRE(::chown(path.c_str(), 65'534, static_cast<gid_t>(-1)) == 0);
  CHECK(PosixFile::open(path).ok());
  REQUIRE(::chmod(folder.path().c_str(), 01777) == 0);
  check_refused(path, "uid 65534");
  REQUIRE(::chown(path.c_str(), 0, static_cast<gid_t>(-1)) == 0);
  CHECK(PosixFile::open(path).ok());
}

TEST_CASE("without the right to read it is denied, without the right to write later") {
  if (!is_root()) return;
  TempDir folder("posix");
  REQUIRE(::chmod(folder.path().c_str(), 0755) == 0);
  write_file(folder.file("secret"), "text\n");
  write_file(folder.file("readable"), "text\n");
  REQUIRE(::chmod(folder.file("secret").c_str(), 0600) == 0);
  REQUIRE(::chmod(folder.file("readable").c_str(), 0644) == 0);
  CHECK(as_nobody([&] {
          const auto file = PosixFile::open(folder.file("secret"));
          return !file && file.error().kind() == ErrorKind::denied ? 0 : 1;
        }) == 0);
  CHECK(as_nobody([&] {
          const auto file = PosixFile::open(folder.file("readable"));
          if (!file) return 1;
          const auto writing = (*file)->open_for_writing();
          if (writing || writing.error().kind() != ErrorKind::denied) return 2;
          const auto alone = (*file)->nobody_writes();  // not the owner: cannot be known
          return alone ? 3 : 0;
        }) == 0);
}

TEST_CASE("a missing buffer is created with exactly its mode, an existing one left alone") {
  TempDir folder("posix");
  const auto path = folder.file("new");
  const auto umask = ::umask(0077);
  const auto created = PosixFile::create_if_missing(path, {.mode = 0640, .group = ""});
  ::umask(umask);
  REQUIRE(created.ok());
  CHECK(*created);
  CHECK((stat_of(path).st_mode & 07777) == 0640);
  CHECK(stat_of(path).st_nlink == 1);
  write_file(path, "text\n");
  const auto again = PosixFile::create_if_missing(path, {.mode = 0666, .group = ""});
  REQUIRE(again.ok());
  CHECK_FALSE(*again);
  CHECK((stat_of(path).st_mode & 07777) == 0640);
  CHECK(read_file(path) == "text\n");
}

TEST_CASE("creation says what is in its way") {
  TempDir folder("posix");
  const auto no_folder = PosixFile::create_if_missing(folder.file("no/such"), {});
  REQUIRE_FALSE(no_folder.ok());
  CHECK(no_folder.error().kind() == ErrorKind::not_found);
  const auto no_group =
      PosixFile::create_if_missing(folder.file("new"), {.mode = 0600, .group = "no-such-group"});
  REQUIRE_FALSE(no_group.ok());
  CHECK(no_group.error().kind() == ErrorKind::refused);
  CHECK_THAT(no_group.error().message(), Contains("no-such-group"));
  CHECK(::access(folder.file("new").c_str(), F_OK) != 0);
  REQUIRE(::symlink("nowhere", folder.file("dangling").c_str()) == 0);
  const auto dangling = PosixFile::create_if_missing(folder.file("dangling"), {});
  REQUIRE(dangling.ok());
  CHECK_FALSE(*dangling);
  CHECK(::access(folder.file("nowhere").c_str(), F_OK) != 0);
}

TEST_CASE("a group can be given by name or number") {
  if (!is_root()) return;
  TempDir folder("posix");
  REQUIRE(PosixFile::create_if_missing(folder.file("a"), {.mode = 0660, .group = "daemon"}).ok());
  REQUIRE(PosixFile::create_if_missing(folder.file("b"), {.mode = 0660, .group = "4711"}).ok());
  CHECK(stat_of(folder.file("a")).st_gid == 1);
  CHECK(stat_of(folder.file("b")).st_gid == 4711);
  CHECK((stat_of(folder.file("b")).st_mode & 07777) == 0660);
}

TEST_CASE("a renamed file stays ours, and the name is known to be another's") {
  TempDir folder("posix");
  const auto path = folder.file("buffer");
  write_file(path, "old\n");
  auto file = opened(path);
  CHECK(*file->same_file_as_path());
  REQUIRE(::rename(path.c_str(), folder.file("moved").c_str()) == 0);
  CHECK_FALSE(*file->same_file_as_path());
  write_file(path, "new\n");
  CHECK_FALSE(*file->same_file_as_path());
  REQUIRE(file->open_for_writing().ok());
  REQUIRE(file->append(std::string_view("more\n")).ok());
  CHECK(read_file(folder.file("moved")) == "old\nmore\n");
  CHECK(read_file(path) == "new\n");
  CHECK((*file->facts()).has_name);
}

TEST_CASE("a deleted file goes on working until it is closed") {
  TempDir folder("posix");
  const auto path = folder.file("buffer");
  write_file(path, std::string(20'000, 'x'));
  auto file = opened(path);
  REQUIRE(::unlink(path.c_str()) == 0);
  CHECK_FALSE(*file->same_file_as_path());
  CHECK_FALSE((*file->facts()).has_name);
  REQUIRE(file->open_for_writing().ok());
  REQUIRE(file->punch({0, 8'192}).ok());
  REQUIRE(file->append(std::string_view("more\n")).ok());
  REQUIRE(file->set_attribute("user.punchline", "state").ok());
  CHECK((*file->facts()).size == 20'005);
  CHECK(*file->next_data(0) == 8'192);
}

TEST_CASE("punching is refused before the file is open for writing") {
  TempDir folder("posix");
  write_file(folder.file("buffer"), std::string(20'000, 'x'));
  auto file = opened(folder.file("buffer"));
  const auto punched = file->punch({0, 4'096});
  REQUIRE_FALSE(punched.ok());
  CHECK(punched.error().kind() == ErrorKind::refused);
  CHECK(read_file(folder.file("buffer")) == std::string(20'000, 'x'));
}

TEST_CASE("an error names the call and the file") {
  TempDir folder("posix");
  write_file(folder.file("buffer"), "text\n");
  auto file = opened(folder.file("buffer"));
  const auto set = file->set_attribute("no-namespace", "value");
  REQUIRE_FALSE(set.ok());
  CHECK(set.error().kind() == ErrorKind::unsupported);
  CHECK_THAT(set.error().message(), Contains("set no-namespace of " + folder.file("buffer")));
}

TEST_CASE("a buffer never takes the place of a closed standard descriptor") {
  TempDir folder("posix");
  write_file(folder.file("buffer"), "text\n");
  const pid_t child = ::fork();
  if (child == 0) {
    for (const int standard : {0, 1, 2}) {
      ::close(standard);
    }
    auto file = PosixFile::open(folder.file("buffer"));
    const bool opened = file && (*file)->open_for_writing() && (*file)->descriptor().fd() > 2;
    const bool open_still = ::fcntl(0, F_GETFD) >= 0 || ::fcntl(1, F_GETFD) >= 0;
    ::_exit(opened && !open_still && ::write(2, "noise", 5) < 0 ? 0 : 1);
  }
  int status = 0;
  REQUIRE(::waitpid(child, &status, 0) == child);
  CHECK(status == 0);
  CHECK(read_file(folder.file("buffer")) == "text\n");
}

TEST_CASE("a writer who comes while we hold the lease does not kill us", "[K11]") {
  TempDir folder("posix");
  write_file(folder.file("buffer"), "text\n");
  auto file = opened(folder.file("buffer"));
  REQUIRE(std::signal(SIGIO, SIG_DFL) == SIG_DFL);
  std::atomic<bool> stop = false;
  std::atomic<std::uint64_t> met = 0;  // opens that broke a lease: they would have had to wait
  std::thread writer([&] {
    while (!stop) {
      const int fd = ::open(folder.file("buffer").c_str(), O_WRONLY | O_NONBLOCK | O_CLOEXEC);
      if (fd < 0) ++met;
      if (fd >= 0) ::close(fd);
    }
  });
  std::uint64_t errors = 0;
  for (int i = 0; i < 2'000'000 && met < 10; ++i) {
    errors += file->nobody_writes().ok() ? 0 : 1;
  }
  stop = true;
  writer.join();
  CHECK(errors == 0);
  CHECK(met >= 10);
  CHECK(*file->nobody_writes());
}

// Run under strace, which makes the kernel answer "NFS": see CMakeLists.txt.
TEST_CASE("a file on NFS is refused", "[.nfs]") {
  TempDir folder("posix");
  write_file(folder.file("buffer"), "text\n");
  check_refused(folder.file("buffer"), "NFS");
}
