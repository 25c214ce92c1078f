#pragma once

#include "agent/core/freer.h"
#include "agent/core/ledger.h"

namespace punchline::testing {

/// A ledger and the freer that goes by it, as a pipe has them.
struct Books {
  explicit Books(Checkpoint& checkpoint, FreerLimits limits = {}, Reserve* reserve = nullptr)
      : ledger(checkpoint.front()), freer(checkpoint, ledger, limits, reserve) {}

  Ledger ledger;
  Freer freer;
};

}  // namespace punchline::testing
