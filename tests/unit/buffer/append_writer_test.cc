// The writer's own code over a file in memory: every place at which a write can be cut short.

#include "buffer/append_writer.h"

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "buffer/scanner.h"
#include "buffer/space.h"
#include "tests/support/catch.h"
#include "tests/support/memory_append_file.h"

using namespace punchline;
using punchline::testing::MemoryAppendFile;
using punchline::testing::MemoryFile;

namespace {

/// A file and a writer of its format.
struct Writing {
  MemoryFile file;
  Format format;
  MemoryAppendFile* target = nullptr;
  std::unique_ptr<AppendWriter> writer;

  explicit Writing(Format of, std::string_view text = {}) : file(text), format(of) {
    auto own = std::make_unique<MemoryAppendFile>(file);
    target = own.get();
    auto opened = AppendWriter::open(std::move(own), format);
    REQUIRE(opened.ok());
    writer = std::move(*opened);
  }
  void add(std::string_view payload) {
    FrameRecord record;
    record.payload = payload;
    REQUIRE((format == Format::frames ? writer->add(record) : writer->add(payload)).ok());
  }
  /// The payloads that a reader finds, and "[reason]" for what is set aside.
  std::vector<std::string> read() {
    Space space(file, format);
    auto scanner = make_scanner(space);
    std::string memory(64 * 1024, '\0');
    std::vector<std::string> found;
    std::vector<Item> items;
    for (Position at = space.base();;) {
      items.clear();
      const auto step = scanner->step(at, UINT64_MAX, memory, 100, items);
      REQUIRE(step.ok());
      for (const auto& item : items) {
        if (item.kind == Item::Kind::record)
          found.emplace_back(memory.substr(item.payload, item.payload_bytes));
        if (item.kind == Item::Kind::set_aside)
          found.push_back(std::string("[") + name_of(item.reason) + "]");
      }
      if (step->end == ScanStep::End::end_of_data) return found;
      at = step->next;
    }
  }
};

using Payloads = std::vector<std::string>;

}  // namespace

TEST_CASE("wherever a write in memory is cut short every record is there once, and no piece of one",
          "[P2][P4]") {
  const auto format = GENERATE(Format::lines, Format::frames);
  const Payloads all = {"before", "one", "two and more", "three"};
  for (std::uint64_t cut = 1; cut < 200; ++cut) {
    INFO(name_of(format) << ", cut after " << cut);
    Writing at(format);
    at.add("before");
    REQUIRE(at.writer->flush().ok());
    for (const auto* payload : {"one", "two and more", "three"})
      at.add(payload);
    at.target->cut_next(cut);
    auto flushed = at.writer->flush();
    // Where not even one record got in, the writer says that there is no room, and is asked again.
    if (!flushed) flushed = at.writer->flush();
    REQUIRE(flushed.ok());
    CHECK(at.read() == all);
  }
}

TEST_CASE("what others append before a torn record is taken back stays, and is read", "[P2][P4]") {
  const auto format = GENERATE(Format::lines, Format::frames);
  for (std::uint64_t cut = 1; cut < 60; ++cut) {
    INFO(name_of(format) << ", cut after " << cut);
    Writing at(format);
    at.add("before");
    REQUIRE(at.writer->flush().ok());
    std::string others = "\nof another\n";
    if (format == Format::frames) {
      Writing another(format);
      another.file.set_inode(at.file.inode(), at.file.birth_ns());
      another.add("of another");
      REQUIRE(another.writer->flush().ok());
      others = another.file.text();
    }
    at.add("one");
    at.target->cut_next(cut);
    bool first = true;
    at.target->after_append([&] {
      if (std::exchange(first, false)) at.file.producer_appends(others);
    });
    auto flushed = at.writer->flush();
    if (!flushed) flushed = at.writer->flush();
    REQUIRE(flushed.ok());
    const auto found = at.read();
    CHECK(std::count(found.begin(), found.end(), "one") == 1);
    CHECK(std::count(found.begin(), found.end(), "of another") == 1);
    CHECK(std::count(found.begin(), found.end(), "before") == 1);
  }
}

TEST_CASE("a torn record is taken back on the disk too before anything is appended after it", "[P2]") {
  Writing at(Format::lines);
  at.add("before");
  REQUIRE(at.writer->flush().ok());
  at.add("one");
  at.target->cut_next(3);
  CHECK_FALSE(at.writer->flush().ok());
  CHECK(at.file.durable().text() == std::string("\nbefore\n\n\0\n", 11));
}

TEST_CASE("beside an agent that has another lock file nothing torn is taken back", "[P3]") {
  Writing at(Format::lines);
  at.add("before");
  REQUIRE(at.writer->flush().ok());
  REQUIRE(at.file.set_attribute("user.punchline.holder",
                                "host=h pid=1 since=T boot=b lock=8:1:2 token=t")
              .ok());
  at.add("one");
  at.target->cut_next(3);
  const auto flushed = at.writer->flush();
  REQUIRE(!flushed.ok());
  CHECK(flushed.error().kind() == ErrorKind::busy);
  CHECK(at.file.text() == "\nbefore\n\non");
}
