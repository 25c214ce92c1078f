// Holds the code to buffer/FORMAT.md: the files of tests/golden/ read as their .items say, and the
// example of the page is what the program writes.

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <sstream>
#include <string>

#include "buffer/lines.h"
#include "buffer/state.h"
#include "tests/support/catch.h"
#include "tests/support/frames.h"
#include "tests/support/memory_file.h"

using namespace punchline;
using punchline::testing::FramesSeen;
using punchline::testing::MemoryFile;
using punchline::testing::read_frames;
namespace fs = std::filesystem;

namespace {

const fs::path kSource = PUNCHLINE_SOURCE_DIR;

std::string contents(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  REQUIRE(file.good());
  return {std::istreambuf_iterator<char>(file), {}};
}

bool is_frames(const fs::path& path) {
  return path.filename().string().rfind("frames-", 0) == 0;
}

// One item a line: range, kind or reason. A first line "fences N N ..." sets the rules.
std::string text_of(const std::vector<Item>& items, Position covered, std::size_t size) {
  std::ostringstream text;
  for (const auto& item : items) {
    text << item.range.begin << " " << item.range.end << " ";
    if (item.kind == Item::Kind::record) text << "record\n";
    if (item.kind == Item::Kind::nothing) text << "nothing\n";
    if (item.kind == Item::Kind::room) text << "room\n";
    if (item.kind == Item::Kind::set_aside) text << name_of(item.reason) << "\n";
  }
  text << covered << " " << size << " unfinished\n";
  return text.str();
}

std::string read_as_lines(const std::string& bytes, const ReadRules& rules) {
  std::vector<Item> items;
  const auto covered = decode_lines(rules, 0, bytes, UINT64_MAX, 10'000, items);
  return text_of(items, Position(covered), bytes.size());
}

std::string read_as_frames(const std::string& bytes, const ReadRules& rules) {
  MemoryFile file(bytes);
  const auto seen = read_frames(file, rules);
  return text_of(seen.items, seen.end, bytes.size());
}

// The bytes of a page's example, which begins with "    00: ", as many as that.
std::string example_in(const std::string& page, std::size_t from, std::size_t size) {
  std::string bytes;
  for (auto at = page.find("    00: ", from); at != std::string::npos && bytes.size() < size;
       at = page.find('\n', at) + 1) {
    std::istringstream line(page.substr(at + 8, page.find('\n', at) - at - 8));
    for (unsigned byte = 0; line >> std::hex >> byte;)
      bytes.push_back(static_cast<char>(byte));
  }
  return bytes;
}

// Every record of the undamaged file but those that hold byte `hit`, each at its place, and no
// other.
void check_rest(const std::string& flipped, std::size_t hit, const FramesSeen& whole,
                const ReadRules& rules) {
  MemoryFile file(flipped);
  const auto seen = read_frames(file, rules);
  std::map<Position, std::string> expected;
  std::size_t record = 0;
  for (const auto& item : whole.items) {
    if (item.kind != Item::Kind::record) continue;
    const auto& payload = whole.records[record++].payload;
    if (!item.range.contains(Position(hit))) expected[item.range.begin] = payload;
  }
  std::map<Position, std::string> found;
  record = 0;
  for (const auto& item : seen.items) {
    if (item.kind == Item::Kind::record) found[item.range.begin] = seen.records[record++].payload;
  }
  REQUIRE(found == expected);
}

}  // namespace

TEST_CASE("golden files read as they are said to") {
  int files = 0;
  for (const auto& entry : fs::directory_iterator(kSource / "tests/golden")) {
    if (entry.path().extension() != ".items") continue;
    ++files;
    INFO(entry.path().filename());
    auto expected = contents(entry.path());
    ReadRules rules{200, {}};
    if (expected.rfind("fences", 0) == 0) {
      std::istringstream first(expected.substr(6, expected.find('\n') - 6));
      for (std::uint64_t fence = 0; first >> fence;)
        rules.fences.emplace_back(fence);
      expected.erase(0, expected.find('\n') + 1);
    }
    const auto bytes = contents(fs::path(entry.path()).replace_extension(".buf"));
    CHECK((is_frames(entry.path()) ? read_as_frames(bytes, rules) : read_as_lines(bytes, rules)) ==
          expected);
  }
  CHECK(files >= 16);
}

TEST_CASE("the example in FORMAT.md is a state, byte for byte") {
  const auto page = contents(kSource / "buffer/FORMAT.md");
  const auto bytes = example_in(page, page.find("## Attributes"), kStateBytes);
  State state;
  REQUIRE(decode(bytes, state) == Decoded::ok);
  CHECK(state.front == 5'200'000);
  CHECK(state.synced == state.front);
  CHECK(state.base == 0);
  CHECK(to_string(state.uuid) == "d9a0b96c-188e-489d-b79c-8e0be5a81f0e");
  CHECK(encode(state) == bytes);
}

TEST_CASE("the example in FORMAT.md is a frame, byte for byte") {
  const auto page = contents(kSource / "buffer/FORMAT.md");
  FrameRecord record;
  record.payload = "hi";
  record.key = "k";
  record.headers = {{"h", "v"}};
  record.timestamp_ms = 1'764'000'000'123;
  std::string bytes;
  encode_frame(record, 0xa18f2c05, bytes);
  CHECK(example_in(page, page.find("## Format frames"), bytes.size()) == bytes);
}

TEST_CASE("whichever bit of frames is wrong, the frame that was hit is missing and no other") {
  const auto name =
      GENERATE("frames-plain", "frames-keyed", "frames-nuls", "frames-torn", "frames-oversize");
  const auto careful = GENERATE(false, true);
  const auto bytes = contents(kSource / "tests/golden" / (std::string(name) + ".buf"));
  ReadRules rules{200, {}};
  if (careful) rules.fences = {Position(bytes.size())};
  MemoryFile file(bytes);
  const auto whole = read_frames(file, rules);
  REQUIRE(whole.records.size() >= 2);
  for (std::size_t bit = 0; bit < 8 * bytes.size(); ++bit) {
    INFO(name << ", bit " << bit);
    auto flipped = bytes;
    flipped[bit / 8] = static_cast<char>(flipped[bit / 8] ^ (1 << bit % 8));
    check_rest(flipped, bit / 8, whole, rules);
  }
}
