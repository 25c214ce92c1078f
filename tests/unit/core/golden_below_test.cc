// Holds the code to buffer/FORMAT.md, "Below the front": a start finds in the below-*.buf of
// tests/golden/ what their .strays say.

#include <filesystem>
#include <map>
#include <sstream>
#include <string>

#include "buffer/crc32c.h"
#include "tests/support/catch.h"
#include "tests/support/memory_file.h"
#include "tests/support/temp_dir.h"
#include "tests/unit/core/books.h"

using namespace punchline;
using punchline::testing::Books;
using punchline::testing::MemoryFile;
using punchline::testing::read_file;
namespace fs = std::filesystem;

namespace {

constexpr std::uint64_t kPageBytes = MemoryFile::kPageBytes;
constexpr std::uint64_t kBoot = 1;

/// What the attributes say, as the first line of .strays does: "front 8300 freed 8192 kept 12ab".
/// Where it says less, there is no user.punchline.freed, or the bytes that F1 keeps are not known.
using Given = std::map<std::string, std::uint64_t>;

Given given_in(const std::string& line) {
  Given given;
  std::istringstream words(line);
  for (std::string name, value; words >> name >> value;)
    given[name] = std::stoull(value, nullptr, name == "kept" ? 16 : 10);
  return given;
}

bool is_frames(const fs::path& path) {
  return path.filename().string().rfind("below-frames", 0) == 0;
}

/// Pages of NULs are holes in it.
void fill(MemoryFile& file, const std::string& bytes) {
  file.producer_appends(bytes);
  for (std::uint64_t at = 0; at + kPageBytes <= bytes.size(); at += kPageBytes) {
    const bool is_hole = bytes.compare(at, kPageBytes, std::string(kPageBytes, '\0')) == 0;
    if (is_hole) REQUIRE(file.punch(offsets(at, at + kPageBytes)).ok());
  }
}

void set_attributes(MemoryFile& file, const Given& given, Format format) {
  State state;
  state.format = format;
  state.front = state.synced = Position(given.at("front"));
  state.boot = kBoot;
  state.identity = fold_identity(file.inode(), file.birth_ns());
  REQUIRE(file.set_attribute(kStateAttribute, encode(state)).ok());
  if (given.count("freed") == 0) return;
  Freed freed;
  const auto& uuid = state.uuid;
  freed.uuid_checksum = crc32c({reinterpret_cast<const char*>(uuid.data()), uuid.size()});
  freed.to = Position(given.at("freed"));
  freed.front = state.front;
  if (given.count("kept") > 0) freed.kept_checksum = static_cast<std::uint32_t>(given.at("kept"));
  REQUIRE(file.set_attribute(kFreedAttribute, encode_freed(freed)).ok());
}

/// A stray a line: its range, and whether it is ended, or waits for more. The last line says what
/// becomes of the front.
std::string found_in(MemoryFile& file, Position front) {
  StartFacts facts;
  facts.boot = kBoot;
  Checkpoint checkpoint(file, facts);
  REQUIRE(checkpoint.start().ok());
  Books books(checkpoint);
  auto& below = books.freer.strays();
  const auto strays = below.find(1000);
  REQUIRE(strays.ok());
  std::ostringstream text;
  for (const auto& stray : *strays)
    text << stray.range.begin << " " << stray.range.end << (stray.ended ? " ended\n" : " waits\n");
  const bool stands = checkpoint.front() == front && !below.is_crossed();
  text << front << (stands ? " stands\n" : " crossed\n");
  return text.str();
}

}  // namespace

TEST_CASE("below the front of golden files stands what they are said to") {
  const bool knows_holes = GENERATE(true, false);
  int files = 0;
  const auto folder = fs::path(PUNCHLINE_SOURCE_DIR) / "tests/golden";
  for (const auto& entry : fs::directory_iterator(folder)) {
    if (entry.path().extension() != ".strays") continue;
    ++files;
    INFO(entry.path().filename() << ", knows holes: " << knows_holes);
    const auto expected = read_file(entry.path());
    const auto end = expected.find('\n') + 1;
    const auto given = given_in(expected.substr(0, end));
    MemoryFile file;
    fill(file, read_file(fs::path(entry.path()).replace_extension(".buf")));
    // Where nothing is noted, holes are all that tells what was freed.
    file.set_knows_holes(knows_holes || given.count("freed") == 0);
    set_attributes(file, given, is_frames(entry.path()) ? Format::frames : Format::lines);
    CHECK(found_in(file, Position(given.at("front"))) == expected.substr(end));
  }
  CHECK(files >= 8);
}
