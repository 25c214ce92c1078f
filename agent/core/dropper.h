#pragma once

#include <cstdint>

#include "agent/core/aside.h"
#include "agent/core/config.h"
#include "agent/core/feeder.h"
#include "agent/core/freer.h"
#include "agent/core/lanes.h"
#include "agent/core/ledger.h"
#include "agent/core/pass.h"
#include "agent/core/pipe_gauges.h"
#include "agent/core/refusals.h"
#include "buffer/base/clock.h"
#include "sinks/chunk.h"

namespace punchline {

/// Gives up the oldest records of a buffer that holds more than bytes_max, if the operator has
/// chosen drop_oldest. Each is counted and logged. One thread.
class Dropper {
 public:
  /// All must outlive it.
  struct Parts {
    Space& space;
    const Ledger& ledger;
    Freer& freer;
    const Lanes& lanes;
    Aside& aside;
    Refusals& refusals;
    Feeder& feeder;
    PipeGauges& gauges;
    ChunkPool& pool;  ///< One chunk.
  };
  /// `owner` as for Pass.
  Dropper(Parts parts, const BufferConfig& config, std::uint32_t owner, TimePoint now)
      : parts_(parts), config_(config), pass_(parts.space, parts.pool, owner), began_(now) {}

  /// Drops records from the front on, one chunk at most, until as much is dropped as the buffer was
  /// over the limit when it was last measured. Nothing that may be with the sink is dropped.
  void drop(TimePoint now);
  /// A fence was set, so what was read may read differently now.
  void forget() { pass_.forget(); }

 private:
  void drop_item(const Item& item, TimePoint now);

  Parts parts_;
  const BufferConfig& config_;
  Pass pass_;
  TimePoint began_;
  std::uint64_t over_bytes_ = 0;  // still to be dropped
  Position dropped_to_ = 0;
};

}  // namespace punchline
