#include "agent/core/shrink_watch.h"

#include <cerrno>
#include <string>

#include "tests/support/catch.h"
#include "tests/support/memory_file.h"

using namespace punchline;
using punchline::testing::MemoryFile;
using namespace std::chrono_literals;
using Op = MemoryFile::Op;

namespace {

const TimePoint kStart{1h};

/// A hundred lines of ten bytes, of which half is done and all was read.
struct Desk {
  Desk() : file(lines()), checkpoint(file, facts()) {
    file.set_inode(5, 1000);
    REQUIRE(checkpoint.start().ok());
    watch.emplace(checkpoint);
  }

  static std::string lines() {
    std::string text;
    for (int i = 0; i < 100; ++i)
      text += "123456789\n";
    return text;
  }
  static StartFacts facts() {
    StartFacts facts;
    facts.boot = 1;
    return facts;
  }
  /// Whether it is seen for the first time that the file has shrunk.
  bool look(ShrinkWatch::Known known = {500, 1000, {}}) {
    watch->look(known);
    return watch->tells();
  }

  MemoryFile file;
  Checkpoint checkpoint;
  std::optional<ShrinkWatch> watch;
};

}  // namespace

TEST_CASE("a file that stands or grows has not shrunk") {
  Desk desk;
  CHECK_FALSE(desk.look());
  desk.file.producer_appends("more\n");
  CHECK_FALSE(desk.look());
  CHECK_FALSE(desk.watch->has_shrunk());
}

TEST_CASE("it is looked at after a wake, else once a second") {
  Desk desk;
  CHECK(desk.watch->is_due(kStart));
  desk.look();
  CHECK(desk.watch->is_due(kStart));  // that look was none of those
  desk.watch->note_look(kStart);
  CHECK_FALSE(desk.watch->is_due(kStart + 999ms));
  CHECK(desk.watch->is_due(kStart + 1s));
  desk.watch->wake();
  CHECK(desk.watch->is_due(kStart));
}

TEST_CASE("what a truncation took is known where the file has not grown since", "[E3]") {
  Desk desk;
  desk.look();
  desk.file.truncate(700);
  CHECK(desk.look());
  CHECK(desk.watch->gone() == positions(700, 1000));
  CHECK_FALSE(desk.watch->is_at_most());
  CHECK_FALSE(desk.look());  // told once
  CHECK(desk.watch->has_shrunk());
}

TEST_CASE("below the front nothing is gone") {
  Desk desk;
  desk.file.truncate(100);
  CHECK(desk.look());
  CHECK(desk.watch->gone() == positions(500, 1000));
}

TEST_CASE("where it has grown again all that waited may be gone") {
  Desk desk;
  desk.file.truncate(0);
  desk.file.producer_appends(std::string(1100, 'y') + "\n");
  CHECK(desk.look());
  CHECK(desk.watch->gone() == positions(500, 1000));
  CHECK(desk.watch->is_at_most());
}

TEST_CASE("room that is cut off is no truncation, be it known or not read yet") {
  Desk desk;
  const bool is_known = GENERATE(false, true);
  desk.file.producer_appends(std::string(8192, '\0'));
  const ByteRange room = is_known ? positions(1000, 9192) : ByteRange{};
  CHECK_FALSE(desk.look({500, 1000, room}));
  desk.file.truncate(1000);
  CHECK_FALSE(desk.look());
}

TEST_CASE("a file that cannot be read has not shrunk") {
  Desk desk;
  desk.look();
  desk.file.truncate(700);
  desk.file.fail(Op::facts, EIO);
  CHECK_FALSE(desk.look());
  desk.file.heal();
  CHECK(desk.look());
}

TEST_CASE("after it has shrunk, reports are waited for two seconds at most", "[E3]") {
  Desk desk;
  CHECK_FALSE(desk.watch->is_settled(0, kStart));
  desk.watch->set_shrunk();
  CHECK_FALSE(desk.watch->is_settled(3, kStart));
  CHECK(desk.watch->is_settled(0, kStart));
  CHECK_FALSE(desk.watch->is_settled(3, kStart + 1s));
  CHECK(desk.watch->is_settled(3, kStart + 2s));
}
