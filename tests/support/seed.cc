#include "tests/support/seed.h"

#include <cstdio>
#include <cstdlib>
#include <string_view>

namespace punchline::testing {
namespace {

std::string_view given() {
  const char* text = std::getenv("PUNCHLINE_SEED");
  return text != nullptr ? text : "";
}

}  // namespace

bool is_seed_given() {
  return !given().empty() && given() != "new";
}

std::uint64_t seed_of_run() {
  constexpr std::uint64_t kSame = 1;
  if (is_seed_given()) return std::strtoull(given().data(), nullptr, 10);
  const auto seed = given() == "new" ? std::random_device()() : kSame;
  std::fprintf(stderr, "PUNCHLINE_SEED=%llu\n", static_cast<unsigned long long>(seed));
  return seed;
}

std::mt19937_64 seeded_random() {
  return std::mt19937_64(seed_of_run());
}

}  // namespace punchline::testing
