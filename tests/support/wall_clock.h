#pragma once

#include <chrono>
#include <string>
#include <vector>

#include "tests/support/temp_dir.h"

namespace punchline::testing {

/// The wall clock of the programs that a test starts with environment(). It can be set while they
/// run. CLOCK_MONOTONIC stays, as it does when a machine's clock is set.
class WallClock {
 public:
  explicit WallClock(std::chrono::seconds offset = {});
  WallClock(const WallClock&) = delete;
  WallClock& operator=(const WallClock&) = delete;

  /// Sets it to this much beside the machine's own.
  void set(std::chrono::seconds offset) const;
  /// Sets it to a time of day, in seconds since the epoch. It goes on from there.
  void set_to(std::chrono::seconds since_epoch) const;
  /// For Command::environment.
  std::vector<std::string> environment() const;

 private:
  const TempDir folder_{"clock"};
};

}  // namespace punchline::testing
