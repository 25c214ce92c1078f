#include "tests/support/seed.h"

#include <cstdio>
#include <cstdlib>

namespace punchline::testing {

std::mt19937_64 seeded_random() {
  const char* given = std::getenv("PUNCHLINE_SEED");
  const std::uint64_t seed =
      given != nullptr ? std::strtoull(given, nullptr, 10) : std::random_device()();
  std::fprintf(stderr, "PUNCHLINE_SEED=%llu\n", static_cast<unsigned long long>(seed));
  return std::mt19937_64(seed);
}

}  // namespace punchline::testing
