#pragma once

#include <cstdint>
#include <random>

namespace punchline::testing {

/// Randomness that can be had again: PUNCHLINE_SEED, or a new one each time. It is printed, so that
/// whoever sees a failure can give it.
std::mt19937_64 seeded_random();

/// Evenly from [low, high].
inline std::uint64_t between(std::mt19937_64& random, std::uint64_t low, std::uint64_t high) {
  return std::uniform_int_distribution<std::uint64_t>(low, high)(random);
}

}  // namespace punchline::testing
