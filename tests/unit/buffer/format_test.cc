// Which format a buffer has whose state does not know it: buffer/FORMAT.md, "Start".

#include <string>

#include "buffer/checkpoint.h"
#include "buffer/frame.h"
#include "buffer/stored_state.h"
#include "tests/support/catch.h"
#include "tests/support/memory_file.h"

using namespace punchline;
using punchline::testing::MemoryFile;

namespace {

constexpr std::int64_t kBootTime = 500;
constexpr std::int64_t kNow = 1000;

StartFacts this_boot() {
  StartFacts facts;
  facts.boot = 3;
  facts.boot_time_ns = kBootTime;
  facts.now_ns = kNow;
  facts.fresh_uuid.fill(3);
  return facts;
}

// `birth` before kBootTime: what it holds may be torn.
MemoryFile file_with(std::string_view text, std::int64_t birth) {
  MemoryFile file(text);
  file.set_inode(7, birth);
  return file;
}

Format format_at_start(MemoryFile& file) {
  Checkpoint checkpoint(file, this_boot());
  REQUIRE(checkpoint.start().ok());
  return checkpoint.format();
}

std::string frame(const MemoryFile& file, std::string_view payload) {
  FrameRecord record;
  record.payload = payload;
  std::string bytes;
  encode_frame(record, frame_salt(file.inode(), file.birth_ns()), bytes);
  return bytes;
}

// What a power cut left of a first frame: its head was not written, a part of its payload was.
const std::string kTorn = std::string(600, '\0') + "a piece of a payload";

}  // namespace

TEST_CASE("torn text decides nothing; what is whole and comes behind it does", "[D1][D6]") {
  auto file = file_with(kTorn, kBootTime - 1);
  CHECK(*standing_format(file) == Format::none);
  Checkpoint checkpoint(file, this_boot());
  REQUIRE(checkpoint.start().ok());
  CHECK(checkpoint.format() == Format::none);
  CHECK(file.text() == kTorn + std::string("\0\n", 2));  // a line behind it is not glued to it
  CHECK(*standing_format(file) == Format::none);
  SECTION("a frame") {
    file.producer_appends(frame(file, "whole"));
    CHECK(*standing_format(file) == Format::frames);
    REQUIRE(checkpoint.settle_format().ok());
    CHECK(checkpoint.format() == Format::frames);
  }
  SECTION("a line") {
    file.producer_appends("a line\n");
    CHECK(*standing_format(file) == Format::lines);
    REQUIRE(checkpoint.settle_format().ok());
    CHECK(checkpoint.format() == Format::lines);
  }
}

TEST_CASE("the next boot remembers that it was left open", "[D6]") {
  auto file = file_with(kTorn, kBootTime - 1);
  CHECK(format_at_start(file) == Format::none);
  auto facts = this_boot();
  ++facts.boot;
  Checkpoint again(file, facts);
  REQUIRE(again.start().ok());
  CHECK(again.format() == Format::none);
  CHECK(again.careful_until() > 0);
  file.producer_appends(frame(file, "whole"));
  REQUIRE(again.settle_format().ok());
  CHECK(again.format() == Format::frames);
}

TEST_CASE("below a fence a whole line decides, and so does text where frames have a marker",
          "[D3][D4]") {
  const auto* text = GENERATE("line\n", "a line without an end", "one\ntwo");
  auto file = file_with(text, kBootTime - 1);
  CHECK(format_at_start(file) == Format::lines);
}

TEST_CASE("behind a torn line a whole one decides, and torn frames larger than one look", "[D4]") {
  auto lines = file_with(kTorn + "\nwhole\n", kBootTime - 1);
  CHECK(format_at_start(lines) == Format::lines);
  auto frames = file_with(std::string(600, '\0') + std::string(400'000, 'z'), kBootTime - 1);
  CHECK(format_at_start(frames) == Format::none);
  frames.producer_appends(frame(frames, "whole"));
  CHECK(format_at_start(frames) == Format::frames);
}

TEST_CASE("NULs and newlines are what lines leave, and so much torn text is no frame", "[D5][D6]") {
  auto freed = file_with(std::string("\0\0\n\n", 4), kBootTime - 1);
  CHECK(format_at_start(freed) == Format::lines);
  auto nuls = file_with(std::string(8192, '\0'), kBootTime - 1);
  CHECK(format_at_start(nuls) == Format::none);
  auto torn = file_with(std::string(600, '\0') + std::string(129 << 20, 'z'), kBootTime - 1);
  CHECK(*standing_format(torn) == Format::lines);
}

TEST_CASE("a newline in the torn head of a frame makes no line", "[D1]") {
  auto file = file_with(kTorn + std::string("\0\n", 2) + "junk\xa9PL\x01\x0a more", kBootTime - 1);
  CHECK(format_at_start(file) == Format::none);
}

TEST_CASE("where no crash was text says lines at once", "[D2]") {
  auto file = file_with(std::string("\0abc\n", 5), kBootTime + 1);
  CHECK(format_at_start(file) == Format::lines);
}

TEST_CASE("a file born later than now was born in no boot: the clock was behind", "[S5]") {
  auto file = file_with("one\ntw", kNow + 1);
  Checkpoint checkpoint(file, this_boot());
  const auto report = checkpoint.start();
  REQUIRE(report.ok());
  CHECK(report->origin == Origin::unknown);
  CHECK(checkpoint.careful_until() == 6);
}
