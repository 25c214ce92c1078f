#pragma once

#include <cstdint>

#include "agent/core/config.h"
#include "agent/core/feeder.h"
#include "agent/core/lanes.h"
#include "agent/core/ledger.h"
#include "agent/core/log.h"
#include "agent/core/loss_account.h"
#include "agent/core/pipe_gauges.h"
#include "agent/core/shrink_watch.h"
#include "buffer/base/byte_range.h"
#include "buffer/base/clock.h"
#include "buffer/space.h"
#include "sinks/chunk.h"

namespace punchline {

/// Looks for, logs and counts what is lost with a buffer that somebody truncated, or that nobody
/// can reach any more. One thread.
class Truncation {
 public:
  /// All must outlive it.
  struct Parts {
    Space& space;
    ShrinkWatch& shrink;
    const Ledger& ledger;
    const Lanes& lanes;
    Feeder& feeder;
    PipeGauges& gauges;
    LossAccount& losses;
    ChunkPool& pool;  ///< One chunk.
    Log& log;
  };
  /// `owner` as for Pass.
  Truncation(Parts parts, const BufferConfig& config, std::uint32_t owner)
      : parts_(parts), config_(config), owner_(owner) {}

  /// Looks now whether the file was truncated.
  bool look();
  /// Looks if a look is due, else returns the result of the last one.
  bool look_when_due(TimePoint now);
  /// Logs a warning of what may be gone, once, whichever look has seen it.
  void tell();
  /// What is undone of the file is lost for this reason: it is counted, noted and logged.
  void give_up(LossReason reason);

 private:
  ByteRange gone_for(LossReason reason) const;
  std::uint64_t records_left(Position until);

  Parts parts_;
  const BufferConfig& config_;
  std::uint32_t owner_;
};

}  // namespace punchline
