#pragma once

#include <cstdint>
#include <random>

namespace punchline::testing {

/// PUNCHLINE_SEED, a new one where that is `new` (which is printed, so that whoever sees a failure
/// can give it), and always the same where nothing is said: a commit passes or fails.
std::uint64_t seed_of_run();
/// One seed was asked for.
bool is_seed_given();
std::mt19937_64 seeded_random();

/// Evenly from [low, high].
inline std::uint64_t between(std::mt19937_64& random, std::uint64_t low, std::uint64_t high) {
  return std::uniform_int_distribution<std::uint64_t>(low, high)(random);
}

}  // namespace punchline::testing
