#include "buffer/collapse.h"

#include <cerrno>
#include <string>

#include "buffer/checkpoint.h"
#include "buffer/frame.h"
#include "buffer/stored_state.h"
#include "tests/support/catch.h"
#include "tests/support/memory_file.h"

using namespace punchline;
using punchline::testing::MemoryFile;
using Op = MemoryFile::Op;

namespace {

constexpr std::uint64_t kPage = MemoryFile::kPageBytes;
constexpr CollapseLimits kLimits{kPage, kPage, 0};

StartFacts boot(std::uint64_t id) {
  StartFacts facts;
  facts.boot = id;
  facts.boot_time_ns = 500;
  facts.fresh_uuid.fill(static_cast<std::uint8_t>(id));
  return facts;
}

// Pages of lines: '.' is done, a letter is a page of records that wait.
std::string pages(const std::string& kinds) {
  std::string text;
  for (const char kind : kinds)
    text += std::string(kPage - 1, kind) + "\n";
  return text;
}

// A buffer of which the front has passed, and the agent freed, the first dots, and all others by
// the in-band rule.
struct Desk {
  explicit Desk(const std::string& kinds) : file(pages(kinds) + "tail\n") {
    file.set_inode(7, 1000);
    REQUIRE(checkpoint.start().ok());
    const Position front(kinds.find_first_not_of('.') * kPage);
    REQUIRE(checkpoint.move_front(front).ok());
    REQUIRE(checkpoint.store().ok());
    for (std::size_t page = 0; page < kinds.size(); ++page) {
      if (kinds[page] == '.') REQUIRE(file.punch(offsets(page * kPage, (page + 1) * kPage)).ok());
    }
  }

  std::uint64_t collapse(const CollapseLimits& limits = kLimits) {
    const auto cut = checkpoint.collapse(limits);
    REQUIRE(cut.ok());
    return *cut;
  }

  // The next start, and whether every byte is at its position.
  void start_again(std::uint64_t boot_id, Position base) {
    file.revive();
    Checkpoint next(file, boot(boot_id));
    const auto report = next.start();
    REQUIRE(report.ok());
    CHECK(report->origin == (boot_id == 1 ? Origin::resumed : Origin::new_boot));
    CHECK(next.base() == base);
    CHECK_FALSE(file.has_attribute(kIntentAttribute));
    CHECK(next.free_from() == 0);
  }

  MemoryFile file;
  Checkpoint checkpoint{file, boot(1)};
};

CollapseIntent an_intent() {
  CollapseIntent intent;
  intent.uuid.fill(5);
  intent.identity = 17;
  intent.base = 3 * kPage;
  intent.bytes = 2 * kPage;
  intent.segments = {{2 * kPage, 3 * kPage}, {5 * kPage, 5 * kPage + 7}};
  return intent;
}

}  // namespace

TEST_CASE("an intent is what was encoded, and nothing else is one", "[C1]") {
  const auto intent = an_intent();
  const auto bytes = encode(intent);
  CollapseIntent read;
  REQUIRE(decode(bytes, read) == Decoded::ok);
  CHECK(read == intent);
  for (std::size_t bit = 0; bit < 8 * bytes.size(); ++bit) {
    auto flipped = bytes;
    flipped[bit / 8] = static_cast<char>(flipped[bit / 8] ^ (1 << (bit % 8)));
    CHECK(decode(flipped, read) == Decoded::damaged);
  }
  for (std::size_t size = 0; size < bytes.size(); ++size)
    CHECK(decode(std::string_view(bytes).substr(0, size), read) == Decoded::damaged);
}

TEST_CASE("an intent that cannot have been meant is damaged", "[C9]") {
  CollapseIntent read;
  auto intent = an_intent();
  intent.bytes = 3 * kPage;  // data would be cut off
  CHECK(decode(encode(intent), read) == Decoded::damaged);
  intent = an_intent();
  intent.bytes = 0;
  CHECK(decode(encode(intent), read) == Decoded::damaged);
  intent = an_intent();
  std::swap(intent.segments[0], intent.segments[1]);
  CHECK(decode(encode(intent), read) == Decoded::damaged);
  intent.segments.clear();
  CHECK(decode(encode(intent), read) == Decoded::damaged);
}

TEST_CASE("the hole at the front goes, positions stay", "[C1]") {
  Desk desk("....ab.c");
  const auto text = desk.file.text();
  CHECK(desk.collapse() == 4 * kPage);
  CHECK(desk.checkpoint.base() == 4 * kPage);
  CHECK(desk.checkpoint.front() == 4 * kPage);
  CHECK(desk.file.text() == text.substr(4 * kPage));
  CHECK_FALSE(desk.file.has_attribute(kIntentAttribute));
  desk.start_again(1, 4 * kPage);
}

TEST_CASE("a copy of what was collapsed begins with no piece of a record", "[C1]") {
  const auto format = GENERATE(Format::lines, Format::frames);
  MemoryFile file;
  file.set_inode(7, 1000);
  const auto record_of = [&](char kind) {
    const std::string payload(1'500, kind);
    if (format == Format::lines) return payload + "\n";
    std::string bytes;
    encode_frame({.payload = payload, .key = {}, .headers = {}}, frame_salt(7, 1000), bytes);
    return bytes;
  };
  std::string done;
  while (done.size() < 5 * kPage)
    done += record_of('d');
  const auto waits = GENERATE(true, false) ? record_of('w') : "";
  file.producer_appends(done + waits);
  Checkpoint checkpoint(file, boot(1));
  REQUIRE(checkpoint.start().ok());
  REQUIRE(checkpoint.format() == format);
  REQUIRE(checkpoint.move_front(Position(done.size())).ok());
  REQUIRE(checkpoint.store().ok());
  REQUIRE(file.punch({0, 5 * kPage}).ok());
  const auto cut = checkpoint.collapse(kLimits);
  REQUIRE(cut.ok());
  REQUIRE(*cut == 5 * kPage);
  const std::string newline(format == Format::lines ? 1 : 0, '\n');
  const std::string nuls(done.size() - 5 * kPage - newline.size(), '\0');
  CHECK(file.text() == nuls + newline + waits);
}

TEST_CASE("only what lies below the front is cut off, in whole units", "[C1]") {
  Desk desk("....ab");
  SECTION("a done range behind the front stays") {
    REQUIRE(desk.file.punch({4 * kPage, 5 * kPage}).ok());
    CHECK(desk.collapse() == 4 * kPage);
  }
  SECTION("units larger than a block") {
    CHECK(desk.collapse({3 * kPage, kPage, 0}) == 3 * kPage);
  }
}

TEST_CASE("what is not worth it, or not safe, is left alone", "[C2]") {
  REQUIRE(Desk("....abc").collapse() == 4 * kPage);  // it is for one of these that it is not
  Desk desk("....abc");
  SECTION("a small hole") {
    CHECK(desk.collapse({kPage, 5 * kPage, 0}) == 0);
  }
  SECTION("switched off") {
    CHECK(desk.collapse({kPage, 0, 0}) == 0);
  }
  SECTION("a filesystem that cannot") {
    CHECK(desk.collapse({0, kPage, 0}) == 0);
  }
  SECTION("more data than hole") {
    desk.file.producer_appends(pages("d"));
    CHECK(desk.collapse() == 0);
  }
  SECTION("a producer without O_APPEND was here") {
    desk.checkpoint.note_gap();
    REQUIRE(desk.checkpoint.store().ok());
    CHECK(desk.collapse() == 0);
  }
  SECTION("a nearly full disk") {
    desk.file.set_space(10 * kPage);
    CHECK(desk.collapse({kPage, kPage, 16 * kPage}) == 0);
  }
  SECTION("an error of fdatasync before") {
    desk.checkpoint.distrust();
    CHECK(desk.collapse() == 0);
  }
  SECTION("a hole at the end, where an append would begin a segment of its own") {
    desk.file.producer_appends(pages("d"));
    desk.file.truncate(8 * kPage);
    REQUIRE(desk.file.punch({7 * kPage, 8 * kPage}).ok());
    CHECK(desk.collapse() == 0);
  }
  SECTION("room at the end that is allocated, into which a producer is writing") {
    desk.file.producer_appends("begun" + std::string(100, '\0'));
    CHECK(desk.collapse() == 0);
  }
  CHECK(desk.file.collapsed_bytes() == 0);
  CHECK_FALSE(desk.file.has_attribute(kIntentAttribute));
}

TEST_CASE("too many segments are not collapsed", "[C2]") {
  std::string kinds(200, '.');
  for (std::size_t i = 0; i < kSegmentsListedMax; ++i)
    kinds += "a.";
  Desk desk(kinds);  // and the tail
  CHECK(desk.collapse() == 0);
}

TEST_CASE("a power cut anywhere in the shifting is carried to its end", "[C8][K8]") {
  const std::string kinds = "......ab.c..de";
  const auto before = pages(kinds).substr(6 * kPage) + "tail\n";
  for (std::uint64_t shifted = 0; shifted <= 7; ++shifted) {
    INFO("pages shifted: " << shifted);
    Desk desk(kinds);
    desk.file.tear_collapse(shifted);
    CHECK_FALSE(desk.checkpoint.collapse(kLimits).ok());
    const Position base(shifted == 0 ? 0 : 6 * kPage);
    desk.start_again(2, base);
    auto expected = before;
    for (const std::size_t page : {2, 4, 5})
      expected.replace(page * kPage, kPage, kPage, '\0');
    CHECK(desk.file.text().substr(6 * kPage - base, expected.size()) == expected);
  }
}

TEST_CASE("a power cut in the repair is repaired as well", "[C8]") {
  Desk desk("......ab.c..de");
  desk.file.tear_collapse(2);
  CHECK_FALSE(desk.checkpoint.collapse(kLimits).ok());
  for (int cut = 0; cut < 2; ++cut) {
    desk.file.revive();
    desk.file.tear_collapse(1);
    CHECK_FALSE(Checkpoint(desk.file, boot(2)).start().ok());
  }
  desk.start_again(2, 6 * kPage);
  CHECK(desk.file.collapsed_bytes() == 6 * kPage);
}

TEST_CASE("a kill between any two calls is settled by the next start", "[C5][C7][K3]") {
  for (std::uint64_t nth = 1;; ++nth) {
    INFO("killed at call " << nth);
    Desk desk("....ab.c");
    desk.file.die(nth);
    (void)desk.checkpoint.collapse(kLimits);
    const bool killed = desk.file.is_dead();
    desk.file.revive();
    const auto left = bytes_behind_front(desk.file);  // as who does not hold its lock sees it
    REQUIRE(left.ok());
    CHECK(*left >= 4 * kPage + 5);
    desk.start_again(1, Position(desk.file.collapsed_bytes()));
    CHECK(desk.file.text() == (pages("....ab") + std::string(kPage, '\0') + pages("c") + "tail\n")
                                  .replace(0, 4 * kPage, 4 * kPage, '\0')
                                  .substr(desk.file.collapsed_bytes()));
    if (!killed) break;
    REQUIRE(nth < 100);
  }
}

TEST_CASE("what was appended before the next start is neither cut off nor moved", "[C7]") {
  Desk desk("....ab");
  desk.file.tear_collapse(100);  // all shifted, the size still the old one
  CHECK_FALSE(desk.checkpoint.collapse(kLimits).ok());
  desk.file.producer_appends("new\n");
  const auto end = desk.file.text();
  desk.start_again(2, 4 * kPage);
  CHECK(desk.file.text() == end);
  CHECK(end.ends_with(std::string("\0new\n", 5)));
}

TEST_CASE("an intent that is not of this file and state is thrown away", "[C4]") {
  Desk desk("....ab");
  const auto text = desk.file.text();
  auto intent = an_intent();
  intent.uuid = desk.checkpoint.state().uuid;
  intent.identity = desk.checkpoint.state().identity;
  intent.base = 0;
  intent.bytes = 4 * kPage;
  // Believed, it would be done, and move every position.
  intent.segments = {offsets(8 * kPage, 4 * kPage + desk.file.size())};
  SECTION("of another buffer") {
    intent.uuid[0] ^= 1;
  }
  SECTION("of another inode") {
    ++intent.identity;
  }
  SECTION("of another base") {
    intent.base = 4 * kPage;
  }
  SECTION("ours, and nothing had been done") {
    intent.segments = {offsets(4 * kPage, desk.file.size())};
  }
  REQUIRE(desk.file.set_attribute(kIntentAttribute, encode(intent)).ok());
  desk.start_again(1, 0);
  CHECK(desk.file.text() == text);
}

TEST_CASE("a file that is not as a collapse left it is begun anew, carefully", "[C9]") {
  Desk desk("....ab");
  desk.file.tear_collapse(1);
  CHECK_FALSE(desk.checkpoint.collapse(kLimits).ok());
  SECTION("truncated meanwhile") {
    desk.file.truncate(2 * kPage);
  }
  SECTION("an intent that does not check") {
    desk.file.revive();
    REQUIRE(desk.file.set_attribute(kIntentAttribute, "?").ok());
  }
  desk.file.revive();
  const auto data = desk.file.data_map();
  Checkpoint next(desk.file, boot(2));
  const auto report = next.start();
  REQUIRE(report.ok());
  CHECK(report->origin == Origin::damaged);
  CHECK(next.front() == 0);
  CHECK(next.careful_until() > 0);
  CHECK_FALSE(desk.file.has_attribute(kIntentAttribute));
}

// An error of fdatasync gave up what was to be shifted, and the power went before it was.
TEST_CASE("a collapse of which a power cut took all data is nothing that is to be done", "[C6]") {
  Desk desk("....ab");
  desk.file.tear_collapse(0);
  CHECK_FALSE(desk.checkpoint.collapse(kLimits).ok());
  desk.file.revive();
  const auto end = desk.file.size();
  desk.file.truncate(4 * kPage);
  desk.file.truncate(end);
  SECTION("and a producer has come first") {
    desk.file.producer_writes(7 * kPage, "new\n");
  }
  const auto text = desk.file.text();
  desk.start_again(2, 0);
  CHECK(desk.file.text() == text);
}

TEST_CASE("an intent that cannot be removed holds back what would make it doubtful", "[C3]") {
  Desk desk("....ab");
  const auto end = desk.file.size();
  desk.file.fail(Op::remove_attribute, ENOSPC, 1, MemoryFile::How::for_ever);
  desk.file.fail(Op::collapse, EOPNOTSUPP);
  CHECK_FALSE(desk.checkpoint.collapse(kLimits).ok());
  CHECK(desk.checkpoint.free_from() == end);

  Checkpoint next(desk.file, boot(1));
  REQUIRE(next.start().ok());
  CHECK(next.free_from() == end);
  CHECK(next.needs_store());
  desk.file.heal();
  REQUIRE(next.store().ok());
  CHECK(next.free_from() == 0);
  CHECK_FALSE(desk.file.has_attribute(kIntentAttribute));
}

TEST_CASE("an intent into whose hole somebody has written since is not carried out", "[C9]") {
  Desk desk("....ab");
  desk.file.tear_collapse(0);
  CHECK_FALSE(desk.checkpoint.collapse(kLimits).ok());
  desk.file.revive();
  desk.file.producer_writes(2 * kPage, "foreign\n");
  const auto text = desk.file.text();
  Checkpoint next(desk.file, boot(2));
  const auto report = next.start();
  REQUIRE(report.ok());
  CHECK(report->origin == Origin::damaged);
  CHECK(next.base() == 0);
  CHECK(desk.file.text() == text);
}

TEST_CASE("a collapse that fails while running changes nothing, or says that the place is lost") {
  Desk desk("....ab");
  SECTION("refused by the filesystem") {
    desk.file.fail(Op::collapse, EOPNOTSUPP);
    CHECK(desk.checkpoint.collapse(kLimits).error().kind() == ErrorKind::unsupported);
    CHECK_FALSE(desk.checkpoint.lost_place());
    CHECK_FALSE(desk.file.has_attribute(kIntentAttribute));
  }
  SECTION("an I/O error: fenced") {
    desk.file.fail(Op::collapse, EIO);
    CHECK_FALSE(desk.checkpoint.collapse(kLimits).ok());
    CHECK(desk.checkpoint.careful_until() == desk.file.size());
  }
  SECTION("half done, and not to be mended") {
    desk.file.tear_collapse(1);
    CHECK_FALSE(desk.checkpoint.collapse(kLimits).ok());
    CHECK(desk.checkpoint.lost_place());
  }
  CHECK(desk.checkpoint.base() == 0);
}

TEST_CASE("an intent that cannot be stored stops it before anything is moved") {
  Desk desk("....ab");
  desk.file.fail(Op::set_attribute, ENOSPC, 2);  // the first is of the sync before it
  CHECK(desk.checkpoint.collapse(kLimits).error().kind() == ErrorKind::no_space);
  CHECK(desk.file.collapsed_bytes() == 0);
}

TEST_CASE("while the new base cannot be stored nothing below the last segment is freed", "[C3]") {
  Desk desk("....ab");
  const auto end = desk.file.size();
  desk.file.fail(Op::set_attribute, ENOSPC, 3, MemoryFile::How::for_ever);
  CHECK(desk.collapse() == 4 * kPage);
  CHECK(desk.checkpoint.base() == 4 * kPage);
  CHECK(desk.checkpoint.needs_store());
  CHECK(desk.checkpoint.free_from() == end);
  desk.file.heal();
  REQUIRE(desk.checkpoint.store().ok());
  CHECK(desk.checkpoint.free_from() == 0);
  CHECK_FALSE(desk.file.has_attribute(kIntentAttribute));
}
