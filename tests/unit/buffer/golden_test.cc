// Holds the code to buffer/FORMAT.md: the files of tests/golden/ read as their .items say, and the
// example of the page is what the program writes.

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <sstream>
#include <string>

#include "buffer/lines.h"
#include "buffer/state.h"
#include "tests/support/catch.h"

using namespace punchline;
namespace fs = std::filesystem;

namespace {

const fs::path kSource = PUNCHLINE_SOURCE_DIR;

std::string contents(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  REQUIRE(file.good());
  return {std::istreambuf_iterator<char>(file), {}};
}

// One item a line: range, kind or reason. A first line "fences N N ..." sets the rules.
std::string read_as(const std::string& bytes, const LineRules& rules) {
  std::vector<Item> items;
  const auto covered = decode_lines(rules, 0, bytes, UINT64_MAX, 10'000, items);
  std::ostringstream text;
  for (const auto& item : items) {
    text << item.range.begin << " " << item.range.end << " ";
    if (item.kind == Item::Kind::record) text << "record\n";
    if (item.kind == Item::Kind::nothing) text << "nothing\n";
    if (item.kind == Item::Kind::set_aside) text << name_of(item.reason) << "\n";
  }
  text << covered << " " << bytes.size() << " unfinished\n";
  return text.str();
}

}  // namespace

TEST_CASE("golden files read as they are said to") {
  int files = 0;
  for (const auto& entry : fs::directory_iterator(kSource / "tests/golden")) {
    if (entry.path().extension() != ".buf") continue;
    ++files;
    INFO(entry.path().filename());
    auto expected = contents(fs::path(entry.path()).replace_extension(".items"));
    LineRules rules{200, {}};
    if (expected.rfind("fences", 0) == 0) {
      std::istringstream first(expected.substr(6, expected.find('\n') - 6));
      std::copy(std::istream_iterator<Position>(first), {}, std::back_inserter(rules.fences));
      expected.erase(0, expected.find('\n') + 1);
    }
    CHECK(read_as(contents(entry.path()), rules) == expected);
  }
  CHECK(files >= 6);
}

TEST_CASE("the example in FORMAT.md is a state, byte for byte") {
  const auto page = contents(kSource / "buffer/FORMAT.md");
  std::string bytes;
  for (auto at = page.find("    00: "); at != std::string::npos && bytes.size() < kStateBytes;
       at = page.find('\n', at) + 1) {
    std::istringstream line(page.substr(at + 8, page.find('\n', at) - at - 8));
    for (unsigned byte = 0; line >> std::hex >> byte;)
      bytes.push_back(static_cast<char>(byte));
  }
  State state;
  REQUIRE(decode(bytes, state) == Decoded::ok);
  CHECK(state.front == 5'200'000);
  CHECK(state.synced == state.front);
  CHECK(state.base == 0);
  CHECK(to_string(state.uuid) == "d9a0b96c-188e-489d-b79c-8e0be5a81f0e");
  CHECK(encode(state) == bytes);
}
