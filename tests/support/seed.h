#pragma once

#include <cstdint>
#include <random>

namespace punchline::testing {

/// The seed in PUNCHLINE_SEED. If that is `new`, a new one, which is printed so that a failure can
/// be repeated. If it is not set, always the same: a commit passes or fails.
std::uint64_t seed_of_run();
/// True if one seed was asked for.
bool is_seed_given();
std::mt19937_64 seeded_random();

/// Evenly distributed over [low, high].
inline std::uint64_t between(std::mt19937_64& random, std::uint64_t low, std::uint64_t high) {
  return std::uniform_int_distribution<std::uint64_t>(low, high)(random);
}

}  // namespace punchline::testing
