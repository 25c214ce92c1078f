#pragma once

#include <cstdint>

#include "agent/core/config.h"
#include "agent/core/envelope.h"
#include "agent/core/feeder.h"
#include "agent/core/freer.h"
#include "agent/core/lanes.h"
#include "agent/core/ledger.h"
#include "agent/core/log.h"
#include "agent/core/metrics.h"
#include "agent/core/outlet.h"
#include "agent/core/partitions.h"
#include "agent/core/pipe_gauges.h"
#include "agent/core/truncation.h"
#include "buffer/base/clock.h"
#include "buffer/checkpoint.h"

namespace punchline {

/// Keeps the spread by which records go to partitions (partitions.h), and changes it when the topic
/// or the settings have changed and it may be changed.
///
/// That is so only while nothing is in flight; then all that is not done is gone through again.
/// What lags behind catches up by the old spread before: by the new one it could come to a partition
/// that has later records. Partitions that are gone take nothing any more, so that there is nothing
/// to wait for. One thread.
class SpreadKeeper {
 public:
  /// All must outlive it.
  struct Parts {
    Checkpoint& checkpoint;
    const Ledger& ledger;
    Freer& freer;
    Lanes& lanes;
    Partitions& partitions;
    const Outlet& outlet;
    Envelope& envelope;
    Feeder& feeder;
    const Tail& tail;
    Truncation& truncation;
    PipeGauges& gauges;
    BufferMetrics& metrics;
    Log& log;
    const KeySource* keys;      ///< Of records that have none, by the present settings.
    const KeySource* old_keys;  ///< The same, by Checkpoint::spread().
  };
  /// `seed` as for Lanes.
  SpreadKeeper(Parts parts, const BufferConfig& config, std::uint32_t seed)
      : parts_(parts), config_(config), seed_(seed) {}

  /// Changes it if it may. False: nothing is to be offered, since it is to be changed and something
  /// is still in flight.
  bool stands(TimePoint now);

 private:
  bool finishes_old(const Spread& wanted, TimePoint now);
  bool waits_by_old() const;
  Spread first(const Spread& wanted) const;

  Parts parts_;
  const BufferConfig& config_;
  std::uint32_t seed_;
};

}  // namespace punchline
