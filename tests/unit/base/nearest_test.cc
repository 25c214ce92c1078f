#include "buffer/base/nearest.h"

#include <vector>

#include "tests/support/catch.h"

using namespace punchline;

TEST_CASE("the nearest word is the one with the fewest edits") {
  constexpr std::array<std::string_view, 4> known = {"path", "topic", "mode", "group"};
  CHECK(nearest("topik", known) == "topic");
  CHECK(nearest("tpoic", known) == "topic");
  CHECK(nearest("paths", known) == "path");
  CHECK(nearest("gruop", known) == "group");
  CHECK(nearest("", known) == "path");  // four edits, as "mode": the first of the table
  CHECK(nearest("topic", {}).empty());
}
