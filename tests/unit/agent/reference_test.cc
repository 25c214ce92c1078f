#include "agent/reference.h"

#include <cstdlib>

#include "tests/support/catch.h"
#include "tests/support/temp_dir.h"

using namespace punchline;

// After a change of a table: PUNCHLINE_WRITE_REFERENCE=1 ctest -R agent_shell_test
TEST_CASE("the committed reference page is what the tables say") {
  const std::string path = PUNCHLINE_SOURCE_DIR "/deploy/reference.md";
  if (std::getenv("PUNCHLINE_WRITE_REFERENCE") != nullptr) {
    testing::write_file(path, reference_page());
  }
  CHECK(testing::read_file(path) == reference_page());
}
