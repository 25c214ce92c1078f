#include "buffer/change_watch.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/resource.h>
#include <unistd.h>

#include "tests/contract/files.h"
#include "tests/support/catch.h"
#include "tests/support/temp_dir.h"

using namespace punchline;
using punchline::testing::opened;
using punchline::testing::read_file;
using punchline::testing::TempDir;
using punchline::testing::write_file;

namespace {

using Ids = std::vector<ChangeWatch::Id>;

// inotify queues an event before the call that made it returns, so there is nothing to wait for.
Ids drained(ChangeWatch& watch) {
  auto changed = watch.drain();
  REQUIRE(changed.ok());
  return *changed;
}

bool readable(const ChangeWatch& watch) {
  pollfd asked{watch.fd(), POLLIN, 0};
  return ::poll(&asked, 1, 0) == 1;
}

void append(const std::string& path, std::string_view text) {
  auto producer = Descriptor::open(path, O_WRONLY | O_APPEND);
  REQUIRE(producer.ok());
  REQUIRE(producer->write_once(text).ok());
}

}  // namespace

TEST_CASE("an append is noticed for its buffer alone, once") {
  TempDir folder("watch");
  ChangeWatch watch;
  REQUIRE(watch.available());
  std::vector<std::unique_ptr<PosixFile>> files;
  for (const char* name : {"a", "b"}) {
    write_file(folder.file(name), "text\n");
    files.push_back(opened(folder.file(name)));
    REQUIRE(watch.add_name(files.size(), folder.file(name)).ok());
    REQUIRE(watch.add_file(files.size(), *files.back()).ok());
  }
  drained(watch);  // the folder was watched for "a" when "b" was made
  CHECK_FALSE(readable(watch));
  append(folder.file("b"), "one\n");
  append(folder.file("b"), "two\n");
  CHECK(readable(watch));
  CHECK(drained(watch) == Ids{2});
  CHECK_FALSE(readable(watch));
  write_file(folder.file("other"), "not ours\n");
  CHECK(drained(watch).empty());
  append(folder.file("a"), "one\n");
  append(folder.file("b"), "three\n");
  CHECK(drained(watch) == Ids{1, 2});
}

TEST_CASE("a buffer that appears, moves and goes is noticed by its name") {
  TempDir folder("watch");
  ChangeWatch watch;
  REQUIRE(watch.add_name(7, folder.file("later")).ok());
  write_file(folder.file("later"), "text\n");
  CHECK(drained(watch) == Ids{7});
  REQUIRE(::rename(folder.file("later").c_str(), folder.file("away").c_str()) == 0);
  CHECK(drained(watch) == Ids{7});
  REQUIRE(::rename(folder.file("away").c_str(), folder.file("later").c_str()) == 0);
  CHECK(drained(watch) == Ids{7});
  REQUIRE(::unlink(folder.file("later").c_str()) == 0);
  CHECK(drained(watch) == Ids{7});
}

TEST_CASE("a deleted buffer is still watched") {
  TempDir folder("watch");
  write_file(folder.file("buffer"), "text\n");
  auto file = opened(folder.file("buffer"));
  ChangeWatch watch;
  auto producer = Descriptor::open(folder.file("buffer"), O_WRONLY | O_APPEND);
  REQUIRE(producer.ok());
  REQUIRE(::unlink(folder.file("buffer").c_str()) == 0);
  REQUIRE(watch.add_file(3, *file).ok());
  REQUIRE(producer->write_once(std::string_view("late\n")).ok());
  CHECK(drained(watch) == Ids{3});
}

TEST_CASE("our own attributes do not wake us") {
  TempDir folder("watch");
  write_file(folder.file("buffer"), "text\n");
  auto file = opened(folder.file("buffer"));
  ChangeWatch watch;
  REQUIRE(watch.add_name(1, file->path()).ok());
  REQUIRE(watch.add_file(1, *file).ok());
  REQUIRE(file->set_attribute("user.punchline", "state").ok());
  REQUIRE(file->sync_all().ok());
  CHECK_FALSE(readable(watch));
}

TEST_CASE("a removed buffer is not reported, its neighbour in the folder is") {
  TempDir folder("watch");
  ChangeWatch watch;
  REQUIRE(watch.add_name(1, folder.file("a")).ok());
  REQUIRE(watch.add_name(2, folder.file("b")).ok());
  watch.remove(1);
  write_file(folder.file("a"), "text\n");
  write_file(folder.file("b"), "text\n");
  CHECK(drained(watch) == Ids{2});
  watch.remove(2);
  REQUIRE(::unlink(folder.file("b").c_str()) == 0);
  CHECK(drained(watch).empty());
}

TEST_CASE("a folder that goes away wakes all that were in it") {
  TempDir folder("watch");
  REQUIRE(::mkdir(folder.file("sub").c_str(), 0700) == 0);
  ChangeWatch watch;
  REQUIRE(watch.add_name(1, folder.file("sub/a")).ok());
  REQUIRE(watch.add_name(2, folder.file("sub/b")).ok());
  REQUIRE(::rmdir(folder.file("sub").c_str()) == 0);
  CHECK(drained(watch) == Ids{1, 2});
}

TEST_CASE("more events than the kernel keeps wake all, and the next ones are told apart again") {
  TempDir folder("watch");
  ChangeWatch watch;
  REQUIRE(watch.add_name(1, folder.file("a")).ok());
  REQUIRE(watch.add_name(2, folder.file("b")).ok());
  const auto events_max = std::stoi(read_file("/proc/sys/fs/inotify/max_queued_events"));
  for (int made = 0; made <= events_max / 2; ++made) {  // two events each, of nobody's name
    write_file(folder.file("other"), "");
    REQUIRE(::unlink(folder.file("other").c_str()) == 0);
  }
  CHECK(drained(watch) == Ids{1, 2});
  write_file(folder.file("b"), "text\n");
  CHECK(drained(watch) == Ids{2});
}

TEST_CASE("without inotify everything is quiet and says why") {
  TempDir folder("watch");
  write_file(folder.file("buffer"), "text\n");
  auto file = opened(folder.file("buffer"));
  rlimit before{};
  REQUIRE(::getrlimit(RLIMIT_NOFILE, &before) == 0);
  const rlimit none{0, before.rlim_max};
  REQUIRE(::setrlimit(RLIMIT_NOFILE, &none) == 0);
  ChangeWatch watch;
  REQUIRE(::setrlimit(RLIMIT_NOFILE, &before) == 0);
  CHECK_FALSE(watch.available());
  CHECK_THAT(watch.why(), Catch::Matchers::Contains("inotify"));
  CHECK(watch.fd() == -1);
  CHECK(watch.add_name(1, file->path()).ok());
  CHECK(watch.add_file(1, *file).ok());
  watch.remove(1);
  CHECK(drained(watch).empty());
}
