#include "agent/config/reference.h"

#include <cstdlib>

#include "tests/support/catch.h"
#include "tests/support/temp_dir.h"

using namespace punchline;

// After a change of a table: PUNCHLINE_WRITE_REFERENCE=1 ctest -R agent_config_test
TEST_CASE("the committed reference page is what the tables say") {
  const std::string path = PUNCHLINE_SOURCE_DIR "/deploy/reference.md";
  if (std::getenv("PUNCHLINE_WRITE_REFERENCE") != nullptr) {
    testing::write_file(path, reference_page());
  }
  CHECK(testing::read_file(path) == reference_page());
}

TEST_CASE("--help tells the meaning of each exit code") {
  for (const char* code : {" 0", " 1", "64", "65", "69", "73", "74", "75", "78"})
    CHECK_THAT(exit_codes_text(), Catch::Matchers::Contains(std::string("  ") + code + "  "));
}
