#pragma once

#include <cstdint>
#include <string>

#include "agent/core/freer.h"
#include "agent/core/ledger.h"
#include "agent/core/pass.h"
#include "agent/core/pipe_gauges.h"
#include "agent/core/quarantine.h"
#include "buffer/base/byte_range.h"
#include "buffer/base/clock.h"
#include "buffer/checkpoint.h"
#include "buffer/item.h"
#include "sinks/chunk.h"

namespace punchline {

/// Deals with what one buffer sets aside: counts and logs it, copies it into the quarantine, and
/// has it freed once its copy is durable.
///
/// Whatever cannot be copied stays in its place, counted as set aside. Bounded memory: if too much
/// comes at once, the rest is read again when there is room for it. One thread.
class Aside {
 public:
  /// All must outlive it.
  struct Parts {
    Checkpoint& checkpoint;
    Ledger& ledger;
    Freer& freer;
    PipeGauges& gauges;
    SetAsideStore* store;  ///< nullptr: everything stays in its place.
    ChunkPool& pool;       ///< One chunk, to read overlooked stretches again.
  };
  /// `owner` as for Pass.
  Aside(Parts parts, std::string topic, std::uint32_t owner);

  /// A scanner has met `item`, which is not deliverable, for the first time or again.
  void take(const Item& item);
  /// Kafka has refused the record in `range` for this reason, and the record itself is at fault.
  /// False: too many are on their way; call again later.
  bool take_refused(ByteRange range, const QuarantineLabel::Refusal& refusal);
  /// Somebody wrote `range` where everything was done. False: as above.
  bool take_stray(ByteRange range);

  /// Copies are under way, and nothing has hindered them so far.
  bool is_busy() const { return quarantine_.is_busy(); }
  /// Some copy is still to be made, now or after a while.
  bool has_waiting() const { return quarantine_.due() != TimePoint::max(); }
  bool has_work(TimePoint now) const { return quarantine_.has_work(now); }
  TimePoint due() const { return quarantine_.due(); }
  /// Once a turn: copies a bounded amount, makes the copies durable, and hands the ranges to the
  /// freer. Blocks for fdatasync(2).
  void settle(TimePoint now);
  /// The same for everything that waits for its copy, whatever the delay.
  void finish(TimePoint now) { take_moved(quarantine_.finish(now), now); }
  /// A fence was set, so what was read may read differently now.
  void forget() { again_.forget(); }

 private:
  void take_moved(const Quarantine::Settled& settled, TimePoint now);
  void look_again(TimePoint now);

  Parts parts_;
  Quarantine quarantine_;
  Pass again_;  // over stretches that were overlooked (Quarantine::overlooked())
};

}  // namespace punchline
