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

/// What is lost with a buffer that somebody truncated, or that nobody can reach any more: looked
/// for, told and counted. One thread.
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

  /// Whether the file was truncated, as a look says that is made now.
  bool look();
  /// The same, as the last look says, unless another one is due.
  bool look_when_due(TimePoint now);
  /// Warns of what may be gone, once, whoever saw it.
  void tell();
  /// What is undone of the file is lost for this reason: counted, noted and told.
  void give_up(LossReason reason);

 private:
  ByteRange gone_for(LossReason reason) const;
  std::uint64_t records_left(Position until);

  Parts parts_;
  const BufferConfig& config_;
  std::uint32_t owner_;
};

}  // namespace punchline
