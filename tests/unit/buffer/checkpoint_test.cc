#include "buffer/checkpoint.h"

#include <cerrno>
#include <string>

#include "buffer/frame.h"
#include "buffer/stored_state.h"
#include "tests/support/catch.h"
#include "tests/support/memory_file.h"

using namespace punchline;
using punchline::testing::MemoryFile;
using Op = MemoryFile::Op;
using How = MemoryFile::How;

namespace {

constexpr std::int64_t kBootTime = 500;

StartFacts boot(std::uint64_t id) {
  StartFacts facts;
  facts.boot = id;
  facts.boot_time_ns = kBootTime;
  facts.fresh_uuid.fill(static_cast<std::uint8_t>(id));
  return facts;
}

// A file born in this boot unless said otherwise.
MemoryFile file_with(std::string_view text, std::int64_t birth = kBootTime + 1) {
  MemoryFile file(text);
  file.set_inode(7, birth);
  return file;
}

// The end of a frame that was freed, then a whole one, as they stand at the front of a buffer.
std::string begun_buffer(std::uint32_t salt) {
  std::string frames;
  FrameRecord record;
  record.payload = "payload";
  encode_frame(record, salt, frames);
  encode_frame(record, salt, frames);
  return frames.substr(20);
}

State stored(MemoryFile& file) {
  const auto found = read_stored_state(file);
  REQUIRE(found.ok());
  REQUIRE(found->decoded == Decoded::ok);
  return found->state;
}

Origin origin(Checkpoint& checkpoint) {
  const auto report = checkpoint.start();
  REQUIRE(report.ok());
  return report->origin;
}

}  // namespace

TEST_CASE("a file born in this boot is read exactly from 0", "[S4]") {
  auto file = file_with("a\nunfin");
  Checkpoint checkpoint(file, boot(1));
  CHECK(origin(checkpoint) == Origin::fresh);
  CHECK(checkpoint.fences().empty());
  CHECK(checkpoint.front() == 0);
  CHECK(file.text() == "a\nunfin");
  CHECK(file.calls(Op::sync_all) == 1);  // durable before anything is freed
  CHECK(stored(file).uuid == boot(1).fresh_uuid);
}

TEST_CASE("an older file without state is read carefully, its unfinished tail closed",
          "[S5][S10]") {
  auto file = file_with("a\nunfin", kBootTime - 1);
  Checkpoint checkpoint(file, boot(1));
  CHECK(origin(checkpoint) == Origin::unknown);
  CHECK(checkpoint.fences() == std::vector<Position>{7});
  CHECK(file.text() == std::string("a\nunfin\0\n", 9));
}

TEST_CASE("the tail is left alone while somebody may be writing it", "[S10][K11]") {
  auto file = file_with("a\nunfin", kBootTime - 1);
  file.set_writers(true);
  Checkpoint checkpoint(file, boot(1));
  const auto report = checkpoint.start();
  REQUIRE(report.ok());
  CHECK_FALSE(report->tail_closed);
  CHECK(report->warnings.size() == 1);
  CHECK(file.text() == "a\nunfin");
  CHECK(checkpoint.fences() == std::vector<Position>{7});
}

TEST_CASE("no room to close the tail, on the disk or by a limit of ours: the fence is enough",
          "[S10]") {
  const int code = GENERATE(ENOSPC, EDQUOT, EFBIG);
  auto file = file_with("a\nunfin", kBootTime - 1);
  file.fail(Op::append, code);
  Checkpoint checkpoint(file, boot(1));
  const auto report = checkpoint.start();
  REQUIRE(report.ok());
  CHECK_FALSE(report->tail_closed);
  CHECK(file.text() == "a\nunfin");
  CHECK(checkpoint.fences() == std::vector<Position>{7});
}

TEST_CASE("the tail is closed though there is no room for the fence, which would be forgotten",
          "[S10]") {
  auto file = file_with("a\nunfin", kBootTime - 1);
  file.fail(Op::set_attribute, ENOSPC, 1, MemoryFile::How::for_ever);
  Checkpoint checkpoint(file, boot(1));
  const auto report = checkpoint.start();
  REQUIRE(report.ok());
  CHECK(report->tail_closed);
  CHECK(file.text() == std::string("a\nunfin\0\n", 9));
}

TEST_CASE("a copy is torn where the original was", "[S7]") {
  auto file = file_with("a\nunfin", kBootTime - 1);
  file.set_writers(true);  // so that only the fence tells it
  {
    Checkpoint checkpoint(file, boot(1));
    REQUIRE(origin(checkpoint) == Origin::unknown);
    file.producer_appends("ished\nb\n");
  }
  file.set_inode(77, kBootTime + 1);
  Checkpoint checkpoint(file, boot(1));
  REQUIRE(origin(checkpoint) == Origin::copied);
  CHECK(checkpoint.fences() == std::vector<Position>{7, 15});
}

TEST_CASE("a fence stays until no boot can take the front back behind it") {
  auto file = file_with("a\nunfin", kBootTime - 1);
  file.set_writers(true);  // so that only the fence tells where it is torn
  Checkpoint checkpoint(file, boot(1));
  REQUIRE(origin(checkpoint) == Origin::unknown);
  file.producer_appends("ished\nb\n");
  REQUIRE(checkpoint.move_front(15).ok());
  REQUIRE(checkpoint.store().ok());
  CHECK(checkpoint.fences() == std::vector<Position>{7});
  Checkpoint next(file, boot(2));
  REQUIRE(origin(next) == Origin::new_boot);
  CHECK(next.front() == 0);
  CHECK(next.fences() == std::vector<Position>{7, 15});
  REQUIRE(next.move_front(15).ok());
  REQUIRE(next.sync().ok());
  REQUIRE(next.store().ok());
  CHECK(next.fences().empty());
  CHECK_FALSE(file.has_attribute(kFencesAttribute));
}

TEST_CASE("within a boot it goes on at the front", "[S2]") {
  auto file = file_with("one\ntwo\n");
  {
    Checkpoint checkpoint(file, boot(1));
    origin(checkpoint);
    CHECK(checkpoint.move_front(4).ok());
    CHECK(checkpoint.stored_front() == 4);
  }
  Checkpoint checkpoint(file, boot(1));
  CHECK(origin(checkpoint) == Origin::resumed);
  CHECK(checkpoint.front() == 4);
  CHECK(checkpoint.stored_front() == 4);
  CHECK(checkpoint.fences().empty());
}

TEST_CASE("a new boot takes the front back to what was synced", "[S3]") {
  auto file = file_with("one\ntwo\n");
  {
    Checkpoint checkpoint(file, boot(1));
    origin(checkpoint);
    REQUIRE(checkpoint.move_front(4).ok());
    REQUIRE(checkpoint.sync().ok());  // up to 8
    file.producer_appends("three\nfour\n");
    REQUIRE(checkpoint.move_front(14).ok());
  }
  CHECK(stored(file).synced == 8);
  Checkpoint checkpoint(file, boot(2));
  const auto report = checkpoint.start();
  REQUIRE(report.ok());
  CHECK(report->origin == Origin::new_boot);
  CHECK(report->taken_back_bytes == 6);
  CHECK(checkpoint.front() == 8);
  CHECK(checkpoint.stored_front() == 8);
  CHECK(checkpoint.fences() == std::vector<Position>{19});
  CHECK(stored(file).front == 8);
  CHECK(stored(file).boot == 2);
}

TEST_CASE("the data behind a front that outlived it is lost, what comes in its place is not",
          "[S3][K2]") {
  auto file = file_with("one\n");
  {
    Checkpoint checkpoint(file, boot(1));
    origin(checkpoint);
    REQUIRE(checkpoint.sync().ok());
    file.producer_appends("never on disk\n");
    REQUIRE(checkpoint.move_front(18).ok());
  }
  file.truncate(4);  // the cut
  file.producer_appends("new record that must be read\n");
  Checkpoint checkpoint(file, boot(2));
  CHECK(origin(checkpoint) == Origin::new_boot);
  CHECK(checkpoint.front() == 4);
}

TEST_CASE("truncated while no agent ran: what was durable and waited is told as gone", "[S6][G1]") {
  auto file = file_with("one\ntwo\nthree\n");
  {
    Checkpoint checkpoint(file, boot(1));
    origin(checkpoint);
    REQUIRE(checkpoint.move_front(4).ok());
    REQUIRE(checkpoint.sync().ok());
  }
  const auto keeps = GENERATE(std::uint64_t{0}, std::uint64_t{8});
  file.truncate(keeps);
  Checkpoint checkpoint(file, boot(1));
  const auto report = checkpoint.start();
  REQUIRE(report.ok());
  CHECK(report->origin == Origin::truncated);
  REQUIRE(report->warnings.size() == 1);
  const auto gone = std::to_string(14 - std::max<std::uint64_t>(4, keeps)) + " bytes are gone";
  CHECK(report->warnings[0].find(gone) != std::string::npos);
}

TEST_CASE("a file shorter than its front was truncated: all of it is new", "[S6]") {
  auto file = file_with("one\ntwo\n");
  {
    Checkpoint checkpoint(file, boot(1));
    origin(checkpoint);
    REQUIRE(checkpoint.move_front(8).ok());
  }
  file.truncate(0);
  file.producer_appends("abc\n");
  Checkpoint checkpoint(file, boot(1));
  CHECK(origin(checkpoint) == Origin::truncated);
  CHECK(checkpoint.front() == 0);
  CHECK(checkpoint.fences() == std::vector<Position>{4});
  CHECK(stored(file).front == 0);
}

TEST_CASE("the state of another inode is not ours", "[S7][K10]") {
  auto file = file_with("one\ntwo\n");
  {
    Checkpoint checkpoint(file, boot(1));
    origin(checkpoint);
    REQUIRE(checkpoint.move_front(8).ok());
  }
  file.set_inode(7, kBootTime + 2);  // same number, born later
  auto facts = boot(1);
  facts.fresh_uuid.fill(9);
  Checkpoint checkpoint(file, facts);
  CHECK(origin(checkpoint) == Origin::copied);
  CHECK(checkpoint.front() == 0);
  CHECK(stored(file).uuid == facts.fresh_uuid);
}

TEST_CASE("a damaged state is said and not believed", "[S8]") {
  auto file = file_with("one\n");
  REQUIRE(file.set_attribute(kStateAttribute, std::string(60, 'x')).ok());
  Checkpoint checkpoint(file, boot(1));
  CHECK(origin(checkpoint) == Origin::damaged);
  CHECK(checkpoint.front() == 0);
  CHECK(checkpoint.fences() == std::vector<Position>{4});
}

TEST_CASE("run --fence is like a new boot", "[S3]") {
  auto file = file_with("one\ntwo\n");
  {
    Checkpoint checkpoint(file, boot(1));
    origin(checkpoint);
    REQUIRE(checkpoint.move_front(4).ok());
  }
  auto facts = boot(1);
  facts.force_fence = true;
  Checkpoint checkpoint(file, facts);
  CHECK(origin(checkpoint) == Origin::new_boot);
  CHECK(checkpoint.front() == 0);  // nothing was synced
  CHECK(checkpoint.fences() == std::vector<Position>{8});
}

TEST_CASE("fences add up and go when the front has passed them") {
  auto file = file_with("one\n");
  for (std::uint64_t id = 1; id <= 3; ++id) {
    Checkpoint checkpoint(file, boot(id));
    origin(checkpoint);
    file.producer_appends("two\n");
  }
  Checkpoint checkpoint(file, boot(3));
  origin(checkpoint);
  CHECK(checkpoint.fences() == std::vector<Position>{8, 12});
  REQUIRE(checkpoint.sync().ok());
  REQUIRE(checkpoint.move_front(8).ok());
  CHECK(checkpoint.fences() == std::vector<Position>{12});
  REQUIRE(checkpoint.move_front(16).ok());
  REQUIRE(checkpoint.store().ok());
  CHECK(checkpoint.fences().empty());
  CHECK_FALSE(file.has_attribute(kFencesAttribute));
}

TEST_CASE("a failed sync sets a fence, and later successes prove nothing about what was before",
          "[E1][K5]") {
  auto file = file_with("one\ntwo\n");
  Checkpoint checkpoint(file, boot(1));
  origin(checkpoint);
  file.fail(Op::sync_data, EIO);
  CHECK_FALSE(checkpoint.sync().ok());
  CHECK(checkpoint.fences() == std::vector<Position>{8});
  CHECK(checkpoint.sync().ok());
  CHECK(checkpoint.synced() == 0);
  REQUIRE(checkpoint.store().ok());
  {
    Checkpoint again(file, boot(1));  // a restart forgets none of it
    CHECK(origin(again) == Origin::resumed);
    CHECK(again.fences() == std::vector<Position>{8});
    CHECK(again.sync().ok());
    CHECK(again.synced() == 0);
  }
  REQUIRE(checkpoint.move_front(8).ok());
  CHECK(checkpoint.sync().ok());
  CHECK(checkpoint.synced() == 8);
}

TEST_CASE("a full disk: the front moves in memory, nothing is freeable by it, storing is retried",
          "[E2]") {
  auto file = file_with("one\ntwo\n");
  Checkpoint checkpoint(file, boot(1));
  origin(checkpoint);
  file.fail(Op::set_attribute, ENOSPC, 1, How::for_ever);
  const auto moved = checkpoint.move_front(4);
  REQUIRE_FALSE(moved.ok());
  CHECK(moved.error().kind() == ErrorKind::no_space);
  CHECK(checkpoint.front() == 4);
  CHECK(checkpoint.stored_front() == 0);
  CHECK(checkpoint.needs_store());
  file.heal();
  CHECK(checkpoint.store().ok());
  CHECK(checkpoint.stored_front() == 4);
  CHECK_FALSE(checkpoint.needs_store());
}

TEST_CASE(
    "no room for the fence at a boot: the boot is not noted, so the next start sets another") {
  auto file = file_with("one\n", kBootTime - 1);
  file.fail(Op::set_attribute, ENOSPC, 1, How::for_ever);
  {
    Checkpoint checkpoint(file, boot(2));
    CHECK(origin(checkpoint) == Origin::unknown);
    CHECK(checkpoint.fences() == std::vector<Position>{4});
    CHECK(checkpoint.needs_store());
    file.heal();
    file.fail(Op::set_attribute, ENOSPC);  // the fence again, once
    CHECK_FALSE(checkpoint.store().ok());
    REQUIRE(checkpoint.move_front(0).ok());  // the state finds room before the fence does
  }
  Checkpoint checkpoint(file, boot(2));
  CHECK(origin(checkpoint) == Origin::new_boot);
}

TEST_CASE("without attributes every start is a new boot") {
  auto file = file_with("one\n");
  file.set_attributes_supported(false);
  Checkpoint checkpoint(file, boot(1));
  CHECK(origin(checkpoint) == Origin::unknown);
  CHECK_FALSE(checkpoint.attributes_supported());
  CHECK(checkpoint.fences() == std::vector<Position>{4});
  CHECK(checkpoint.move_front(4).ok());
  CHECK(checkpoint.stored_front() == 0);
}

// Wherever the k-th operation of a start at a new boot fails, with whatever error, a following
// healthy start still reads every byte above what was synced, and carefully.
TEST_CASE("start survives the failure of any of its operations", "[S1][S11]") {
  for (const int code : {EIO, ENOSPC}) {
    for (std::uint64_t nth = 1;; ++nth) {
      auto file = file_with("one\ntwo\ntail");
      {
        Checkpoint checkpoint(file, boot(1));
        origin(checkpoint);
        REQUIRE(checkpoint.move_front(4).ok());
        REQUIRE(checkpoint.sync().ok());
      }
      const auto before = file.operations();
      file.fail_any(code, nth);
      {
        Checkpoint checkpoint(file, boot(2));
        (void)checkpoint.start();
      }
      const bool clean = file.operations() - before < nth;
      file.heal();
      Checkpoint checkpoint(file, boot(2));
      origin(checkpoint);
      CHECK(checkpoint.front() <= 4);
      CHECK(checkpoint.careful_until() >= 12);
      if (clean) break;
    }
  }
}

TEST_CASE("a copy remembers whose frames it holds, with the state of the original or without",
          "[N6]") {
  constexpr std::uint64_t kOriginal = 8;
  const auto salt = frame_salt(kOriginal, kBootTime + 5);
  const bool with_state = GENERATE(true, false);
  auto file = file_with(begun_buffer(salt));
  if (with_state) {
    State original;
    original.format = Format::frames;
    original.boot = 1;
    original.identity = fold_identity(kOriginal, kBootTime + 5);
    REQUIRE(file.set_attribute(kStateAttribute, encode(original)).ok());
  }
  {
    Checkpoint checkpoint(file, boot(1));
    CHECK(origin(checkpoint) == (with_state ? Origin::copied : Origin::fresh));
    CHECK(checkpoint.salts() == std::vector{salt});
  }
  Checkpoint again(file, boot(1));
  CHECK(origin(again) == Origin::resumed);
  CHECK(again.format() == Format::frames);
  CHECK(again.salts() == std::vector{salt});
}

TEST_CASE("a copy's state is not stored before the salts it needs", "[N6]") {
  auto file = file_with(begun_buffer(42));
  file.fail(Op::set_attribute, ENOSPC);
  Checkpoint checkpoint(file, boot(1));
  CHECK(origin(checkpoint) == Origin::fresh);
  CHECK_FALSE(file.has_attribute(kStateAttribute));
  CHECK(checkpoint.needs_store());
  REQUIRE(checkpoint.store().ok());
  CHECK(file.has_attribute(kSaltsAttribute));
  CHECK(file.has_attribute(kStateAttribute));
}

TEST_CASE("frames of the file itself need no salts beside it") {
  auto file = file_with(begun_buffer(frame_salt(7, kBootTime + 1)));
  Checkpoint checkpoint(file, boot(1));
  CHECK(origin(checkpoint) == Origin::fresh);
  CHECK(checkpoint.format() == Format::frames);
  CHECK_FALSE(file.has_attribute(kSaltsAttribute));
}

TEST_CASE("a file that was seen to shrink is new, however large it is by now") {
  auto file = file_with("one\ntwo\n");
  {
    Checkpoint checkpoint(file, boot(1));
    REQUIRE(checkpoint.start().ok());
    REQUIRE(checkpoint.move_front(8).ok());
  }
  file.truncate(0);
  file.producer_appends("a line that is longer than all of them\n");
  auto seen = boot(1);
  seen.truncated = true;
  Checkpoint checkpoint(file, seen);
  CHECK(origin(checkpoint) == Origin::truncated);
  CHECK(checkpoint.front() == 0);
}

TEST_CASE("no line begins where one did: truncated and grown again, longer than ever", "[S6]") {
  auto file = file_with("first\nsecond\n");
  {
    Checkpoint checkpoint(file, boot(1));
    REQUIRE(checkpoint.start().ok());
    REQUIRE(checkpoint.move_front(6).ok());
    REQUIRE(checkpoint.finish().ok());
  }
  file.truncate(0);
  Origin expected = Origin::truncated;
  SECTION("other lines") {
    file.producer_appends("a line that is longer than both\n");
  }
  SECTION("a line that happens to end there") {
    file.producer_appends("other\nlines, more of them\n");
    expected = Origin::resumed;
  }
  SECTION("what stood there was freed up to the front") {
    file.producer_appends(std::string("fir\0\0\0second\nthird\n", 19));
    expected = Origin::resumed;
  }
  Checkpoint checkpoint(file, boot(1));
  CHECK(origin(checkpoint) == expected);
}

TEST_CASE("shorter than what was synced: truncated, though longer than the front", "[S6]") {
  auto file = file_with("one\ntwo\nthree\nfour\n");
  {
    Checkpoint checkpoint(file, boot(1));
    REQUIRE(checkpoint.start().ok());
    REQUIRE(checkpoint.move_front(4).ok());
    REQUIRE(checkpoint.sync().ok());
  }
  file.truncate(0);
  file.producer_appends("new one\n");
  Checkpoint checkpoint(file, boot(1));
  CHECK(origin(checkpoint) == Origin::truncated);
}

TEST_CASE("after a boot the front goes back to the end of a line, not into one", "[S3]") {
  auto file = file_with("one\ntw");
  {
    Checkpoint checkpoint(file, boot(1));
    REQUIRE(checkpoint.start().ok());
    REQUIRE(checkpoint.sync().ok());
    CHECK(checkpoint.synced() == 4);
    file.producer_appends("o\nthree\n");
    REQUIRE(checkpoint.move_front(Position(file.size())).ok());
  }
  Checkpoint checkpoint(file, boot(2));
  CHECK(origin(checkpoint) == Origin::new_boot);
  CHECK(checkpoint.front() == 4);
}

TEST_CASE("a fence that is forced in the same boot remembers where the front stood, a boot does not") {
  auto file = file_with("one\n");
  {
    Checkpoint checkpoint(file, boot(1));
    REQUIRE(checkpoint.start().ok());
    REQUIRE(checkpoint.sync().ok());
    file.producer_appends("two\n");
    REQUIRE(checkpoint.move_front(8).ok());
  }
  auto facts = boot(GENERATE(1, 2));
  facts.force_fence = true;
  Checkpoint checkpoint(file, facts);
  REQUIRE(checkpoint.start().ok());
  CHECK(checkpoint.front() == 4);
  CHECK(checkpoint.space().rules().old_front == (facts.boot == boot(1).boot ? 8 : 0));
}

TEST_CASE("what is noted as clean is of one state, and never above its front", "[B9]") {
  auto file = file_with("one\ntwo\n");
  {
    Checkpoint checkpoint(file, boot(1));
    REQUIRE(checkpoint.start().ok());
    CHECK_FALSE(checkpoint.freed());
    REQUIRE(checkpoint.move_front(8).ok());
    checkpoint.note_freed(4, 77);
  }
  SECTION("the next start knows it") {
    Checkpoint checkpoint(file, boot(1));
    REQUIRE(checkpoint.start().ok());
    REQUIRE(checkpoint.freed());
    CHECK(checkpoint.freed()->to == 4);
    CHECK(checkpoint.freed()->kept_checksum == 77);
  }
  SECTION("a copy does not") {
    file.set_inode(99, 99);
    Checkpoint checkpoint(file, boot(1));
    REQUIRE(checkpoint.start().ok());
    CHECK_FALSE(checkpoint.freed());
  }
  SECTION("one that is damaged says nothing") {
    auto bytes = **file.attribute(kFreedAttribute);
    bytes[9] ^= 1;
    REQUIRE(file.set_attribute(kFreedAttribute, bytes).ok());
    Checkpoint checkpoint(file, boot(1));
    REQUIRE(checkpoint.start().ok());
    CHECK_FALSE(checkpoint.freed());
  }
}

TEST_CASE("NULs at the end are room: they are not closed, and the front does not go back for them",
          "[S10][R8]") {
  auto file = file_with(std::string("one\ntorn\0\0", 10));
  auto facts = boot(1);
  facts.force_fence = true;
  Checkpoint checkpoint(file, facts);
  REQUIRE(checkpoint.start().ok());
  CHECK(file.text() == std::string("one\ntorn\0\0", 10));
  CHECK(checkpoint.careful_until() == 10);
  file.producer_writes(1 << 20, std::string(1, '\0'));
  REQUIRE(checkpoint.move_front(4).ok());
  REQUIRE(checkpoint.sync().ok());
  CHECK(checkpoint.synced() == 4);
}

TEST_CASE("nor does it while the format is open: NULs that a power cut left may become a line",
          "[S10]") {
  auto file = file_with(std::string(2, '\0'));
  {
    Checkpoint checkpoint(file, boot(1));
    REQUIRE(checkpoint.start().ok());
    REQUIRE(checkpoint.format() == Format::none);
    REQUIRE(checkpoint.sync().ok());
    CHECK(checkpoint.synced() == 0);
    file.producer_appends("one\n");
    REQUIRE(checkpoint.settle_format().ok());
    REQUIRE(checkpoint.format() == Format::lines);
    REQUIRE(checkpoint.move_front(Position(file.size())).ok());
  }
  Checkpoint checkpoint(file, boot(2));
  CHECK(origin(checkpoint) == Origin::new_boot);
  CHECK(checkpoint.front() == 0);
}
