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
/// or the settings have changed.
///
/// It may change only while nothing is in flight. Then everything that is not done is gone through
/// again. Before that, lanes that lag catch up by the old spread: by the new one their records
/// could come to a partition that has later ones. While a partition with records in flight answers
/// nothing for five seconds, the others go on by the old spread too. If partitions are gone there
/// is nothing to wait for: they take nothing any more. One thread.
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
    const KeySource* keys;      ///< For records without a key, by the present settings.
    const KeySource* old_keys;  ///< The same, by the rule in Checkpoint::spread().
  };
  /// `seed` as for Lanes.
  SpreadKeeper(Parts parts, const BufferConfig& config, std::uint32_t seed)
      : parts_(parts), config_(config), seed_(seed) {}

  /// Changes the spread if necessary and allowed. False: nothing is to be offered. The spread is to
  /// be changed and something is still in flight, or the file turned out to be truncated.
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
