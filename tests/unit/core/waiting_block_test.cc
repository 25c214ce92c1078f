#include "agent/core/waiting_block.h"

#include <string>

#include "tests/support/catch.h"
#include "tests/support/memory_file.h"

using namespace punchline;
using punchline::testing::MemoryFile;

namespace {

/// What is seen of a write into bytes that wait.
ByteRange seen_of(const std::string& before, std::uint64_t at, const std::string& bytes) {
  MemoryFile file(before);
  Space space(file, Format::lines);
  WaitingBlock block;
  REQUIRE(block.look(space, 0)->empty());
  file.producer_writes(at, bytes);
  return *block.look(space, 0);
}

}  // namespace

TEST_CASE("text that has become other text is seen, from the first byte to the last") {
  CHECK(seen_of("one\ntwo\nthree\n", 0, "ONE\nTWO\n") == ByteRange{0, 7});
  CHECK(seen_of("one\ntwo\nthree\n", 5, "\nw") == ByteRange{5, 7});
}

TEST_CASE("what is freed, or taken back by its writer, is not", "[P2]") {
  using namespace std::string_literals;
  CHECK(seen_of("one\ntwo\nthree\n", 0, "\0\0\0\n"s).empty());
  CHECK(seen_of("one\ntorn\nthree\n", 4, "\0\0\0\n"s).empty());
  CHECK(seen_of("one\nt\nthree\n", 4, "\n"s).empty());
  CHECK(seen_of("torn\nthree\n", 0, "\0\0\0\n"s).empty());
}
