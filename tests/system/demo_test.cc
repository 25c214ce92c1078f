#include "tests/support/catch.h"
#include "tests/support/program.h"

namespace punchline::testing {
namespace {

using Catch::Matchers::Contains;

TEST_CASE("the demo shows its account, loses nothing and takes less than a minute") {
  [[maybe_unused]] const auto begin = Clock::now();
  const auto demo = run(punchline({"demo"}), std::chrono::seconds(150));
  INFO(demo.out << demo.err);
  CHECK(demo.exit.code == 0);
  CHECK_THAT(demo.out, Contains("lost"));
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
  CHECK(Clock::now() - begin < std::chrono::minutes(1));
#endif
}

}  // namespace
}  // namespace punchline::testing
