#include "agent/view/buffer_view.h"

#include <functional>

#include "buffer/crc32c.h"
#include "buffer/little_endian.h"
#include "tests/support/catch.h"
#include "tests/support/memory_file.h"

using namespace punchline;
using punchline::testing::MemoryFile;

namespace {

constexpr std::uint64_t kPage = MemoryFile::kPageBytes;
constexpr std::int64_t kBorn = 1'000;

/// Of the boot in which all files here were born, and of the next one.
StartFacts this_boot() {
  return {.boot = 1, .boot_time_ns = kBorn - 1, .fresh_uuid = Uuid{7}, .force_fence = false};
}
StartFacts next_boot() {
  return {.boot = 2, .boot_time_ns = kBorn + 1, .fresh_uuid = Uuid{8}, .force_fence = false};
}

MemoryFile file_of(std::string_view text) {
  MemoryFile file(text);
  file.set_inode(5, kBorn);
  return file;
}

BufferView seen(MemoryFile& file, const StartFacts& facts = this_boot()) {
  auto view = view_buffer(file, facts);
  if (!view) FAIL(view.error().message());
  return std::move(*view);
}

/// A file of four pages, one record each, of which the agent has confirmed and freed the first and
/// confirmed the second.
MemoryFile half_done() {
  std::string text;
  for (const char letter : {'a', 'b', 'c', 'd'}) {
    text += std::string(kPage - 1, letter) + "\n";
  }
  auto file = file_of(text);
  Checkpoint checkpoint(file, this_boot());
  REQUIRE(checkpoint.start().ok());
  REQUIRE(checkpoint.sync().ok());
  REQUIRE(checkpoint.move_front(2 * kPage).ok());
  REQUIRE(file.punch({0, kPage}).ok());
  return file;
}

}  // namespace

TEST_CASE("a new file is all waiting, but for what has no newline yet") {
  auto file = file_of("one\ntwo\n\nthr");
  const auto view = seen(file);
  CHECK_FALSE(view.has_state);
  CHECK(view.origin == Origin::fresh);
  CHECK(view.waiting_records == 2);
  CHECK(view.waiting_bytes == 8);
  CHECK(view.unfinished_bytes == 3);
  CHECK(view.logical_bytes == 12);
  CHECK(view.data_bytes == 12);
  CHECK(view.picture.line() == "######## ~~~");
}

TEST_CASE("an empty file is an empty view") {
  auto file = file_of("");
  const auto view = seen(file);
  CHECK(view.waiting_records == 0);
  CHECK(view.holes.empty());
  CHECK(view.picture.line().empty());
}

TEST_CASE("below the front it says what is freed and what is not yet") {
  auto file = half_done();
  const auto view = seen(file);
  CHECK(view.has_state);
  CHECK(view.origin == Origin::resumed);
  CHECK(view.state.uuid == Uuid{7});
  CHECK(view.state.front == 2 * kPage);
  CHECK(view.waiting_records == 2);
  CHECK(view.waiting_bytes == 2 * kPage);
  CHECK(view.holes == std::vector<ByteRange>{{0, kPage}});
  CHECK(view.hole_bytes == kPage);
  CHECK(view.data_bytes == 3 * kPage);
  CHECK(view.picture.line() == std::string(16, '.') + std::string(16, '-') + std::string(32, '#'));
}

TEST_CASE("kept bytes that were written over are a stray, those that were hidden are none") {
  auto file = half_done();
  Checkpoint checkpoint(file, this_boot());
  REQUIRE(checkpoint.start().ok());
  checkpoint.note_freed(kPage, crc32c(std::string(kPage - 1, 'b') + "\n"));
  REQUIRE(checkpoint.store().ok());
  CHECK(seen(file).strays == 0);
  REQUIRE(file.punch({kPage, 2 * kPage}).ok());  // by a collapse
  CHECK(seen(file).strays == 0);
  file.producer_writes(kPage, "over it\n");
  CHECK(seen(file).strays == 1);
  CHECK(seen(file).stray_bytes == 8);
}

TEST_CASE("what is done above the front is neither waiting nor freed below it") {
  auto file = half_done();
  file.producer_appends(std::string(kPage - 1, 'e') + "\n" + std::string(kPage - 1, 'f') + "\n");
  REQUIRE(file.punch({3 * kPage, 5 * kPage - 1}).ok());  // records d and e, as FORMAT.md says
  const auto view = seen(file);
  CHECK(view.waiting_records == 2);
  CHECK(view.set_aside_records == 0);
  CHECK(view.holes == std::vector<ByteRange>{{0, kPage}, {3 * kPage, 4 * kPage}});
  CHECK(view.picture.line().find('o') != std::string::npos);
  CHECK(view.picture.line().find('=') != std::string::npos);
}

TEST_CASE("after a boot it shows what the next start would go by") {
  auto file = half_done();
  file.producer_appends(std::string("torn\0\0\nwhole\nspans the fence", 28));
  const auto view = seen(file, next_boot());
  CHECK(view.origin == Origin::new_boot);
  CHECK(view.fences == std::vector<Position>{4 * kPage + 28});
  CHECK(view.waiting_records == 3);
  REQUIRE(view.set_aside.size() == 1);
  CHECK(view.set_aside[0].range == ByteRange{4 * kPage, 4 * kPage + 7});
  CHECK(view.set_aside[0].reason == SetAsideReason::torn);
  CHECK(view.set_aside_bytes == 7);
  CHECK(view.unfinished_bytes == 15);
}

TEST_CASE("a state that belongs to another file is told, and all is read as new") {
  auto file = half_done();
  file.set_inode(6, kBorn);
  const auto view = seen(file);
  CHECK(view.origin == Origin::copied);
  CHECK(view.state.front == 0);
  CHECK(view.warnings.size() == 1);
  CHECK(view.waiting_records == 2);  // the first two: page a is NULs, glued to b, set aside
  CHECK(view.set_aside_records == 1);
}

TEST_CASE("records over the limit are set aside by the limit the agent has left") {
  auto file = file_of("short\nlonger\n");
  CHECK(seen(file).set_aside_records == 0);
  REQUIRE(file.set_attribute("user.punchline.limits", "record_bytes_max=5").ok());
  const auto view = seen(file);
  CHECK(view.waiting_records == 1);
  REQUIRE(view.set_aside_records == 1);
  CHECK(view.set_aside[0].reason == SetAsideReason::oversize);
}

TEST_CASE("a line larger than all memory, and a hole of terabytes, hold nobody up") {
  auto file = file_of("one\n");
  file.producer_writes(3ULL << 40, "behind the hole\nand one more\n");
  const auto view = seen(file);
  CHECK(view.waiting_records == 2);
  CHECK(view.set_aside_records == 1);
  CHECK(view.set_aside[0].reason == SetAsideReason::gap);
  CHECK(view.hole_count == 1);
}

TEST_CASE("a newer version's buffer is refused") {
  auto file = half_done();
  auto bytes = **file.attribute(kStateAttribute);
  bytes[0] = 3;
  const std::string_view whole = bytes;
  put_number(bytes, 4, crc32c(whole.substr(8), crc32c(whole.substr(0, 4))));
  REQUIRE(file.set_attribute(kStateAttribute, bytes).ok());
  const auto view = view_buffer(file, this_boot());
  REQUIRE_FALSE(view.ok());
  CHECK(view.error().kind() == ErrorKind::refused);
}

TEST_CASE("looking changes nothing") {
  for (const auto& facts : {this_boot(), next_boot()}) {
    auto file = half_done();
    file.producer_appends("unfinished");
    const auto text = file.text();
    const auto map = file.data_map();
    const auto state = **file.attribute(kStateAttribute);
    const auto changes = [&] {
      using Op = MemoryFile::Op;
      return file.calls(Op::append) + file.calls(Op::punch) + file.calls(Op::set_attribute) +
             file.calls(Op::remove_attribute) + file.calls(Op::sync_all);
    };
    const auto before = changes();
    seen(file, facts);
    CHECK(changes() == before);
    CHECK(file.text() == text);
    CHECK(file.data_map() == map);
    CHECK(**file.attribute(kStateAttribute) == state);
  }
}

TEST_CASE("an error of the file is the answer, at whatever call it comes") {
  using Op = MemoryFile::Op;
  for (const auto op : {Op::read_at, Op::facts, Op::next_data, Op::next_hole}) {
    for (std::uint64_t nth = 1;; ++nth) {
      INFO("operation " << static_cast<int>(op) << ", call " << nth);
      auto file = half_done();
      const auto before = file.calls(op);
      file.fail(op, EIO, nth);
      const auto view = view_buffer(file, this_boot());
      const bool failed = file.calls(op) - before >= nth;
      CHECK(view.ok() == !failed);
      if (!view) CHECK(view.error().kind() == ErrorKind::io);
      if (!failed) break;
      REQUIRE(nth < 1'000);
    }
  }
}
