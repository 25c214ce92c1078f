#pragma once

#include <string>

#include "tests/unit/core/world.h"

// What the tests of producers that write below the front have in common.
namespace punchline::testing {

/// Lines of one run of a service, some fifteen bytes each.
std::string run(const std::string& name, int lines);

/// Seconds in which all that is to be done gets done.
void rest(World& world, int seconds = 3);
/// Seconds in which Kafka need not answer.
void pass(World& world, int seconds = 3);

/// A buffer that has delivered and freed `lines` lines.
struct Story {
  explicit Story(int lines = 2000);
  /// How many times it was told what was found, with the remedy.
  std::size_t told() const;
  /// Something was kept that holds `part`.
  bool has_kept(const std::string& part) const;

  World world;
  std::size_t delivered = 0;
};

}  // namespace punchline::testing
