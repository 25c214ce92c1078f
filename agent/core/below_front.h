#pragma once

#include <cstdint>

#include "agent/core/aside.h"
#include "agent/core/config.h"
#include "agent/core/envelope.h"
#include "agent/core/feeder.h"
#include "agent/core/freer.h"
#include "agent/core/lanes.h"
#include "agent/core/ledger.h"
#include "agent/core/log.h"
#include "agent/core/loss_account.h"
#include "agent/core/outlet.h"
#include "agent/core/partitions.h"
#include "agent/core/pass.h"
#include "agent/core/pipe_gauges.h"
#include "agent/core/shrink_watch.h"
#include "agent/core/stray_frames.h"
#include "agent/core/stray_watch.h"
#include "agent/core/waiting_block.h"
#include "buffer/base/byte_range.h"
#include "buffer/base/clock.h"
#include "buffer/checkpoint.h"
#include "sinks/chunk.h"
#include "sinks/sink.h"

namespace punchline {

/// Deals with a producer that writes where everything was done (buffer/FORMAT.md, "Below the
/// front"), or over records that wait. Its lines are set aside, its frames are sent from where they
/// are, and the bytes that were overwritten while they waited are counted as lost. One thread.
class BelowFront {
 public:
  /// All must outlive it.
  struct Parts {
    Checkpoint& checkpoint;
    const Ledger& ledger;
    Freer& freer;
    const Lanes& lanes;
    const Partitions& partitions;
    const Outlet& outlet;
    Envelope& envelope;
    Aside& aside;
    Feeder& feeder;
    ShrinkWatch& shrink;
    PipeGauges& gauges;
    LossAccount& losses;
    ChunkPool& pool;
    Log& log;
  };
  /// `owner` as for Pass.
  BelowFront(Parts parts, const BufferConfig& config, std::uint32_t owner, TimePoint now);

  /// Looks for what has been written there, about once a second or when hurried.
  void look(TimePoint now);
  /// The file was changed without having grown: look soon.
  void hurry(TimePoint at) { watch_.hurry(at); }
  TimePoint due() const { return watch_.due(); }

  /// Sends frames that were found there. True: there is more to do at once.
  bool feed(TimePoint now);
  /// A report. True: all of its records are such frames.
  bool take(const Delivery& delivery, TimePoint now);
  /// The frames that this lane was given are to be offered again.
  void lose(std::size_t lane) { frames_.lose(static_cast<std::int32_t>(lane)); }
  /// No frame is left to be sent, and none is on its way.
  bool empty() const { return frames_.empty(); }
  /// A fence was set, so what was read may read differently now.
  void forget() { pass_.forget(); }

 private:
  void take_stretch(const Stray& stray);
  bool pass_item(ByteRange stretch, TimePoint now);
  bool pass_no_frame(ByteRange range);
  void take_frame(const StrayFrames::Offered& frame, const Delivery& delivery, TimePoint now);
  void look_at_waiting(TimePoint now);
  void tell_of_overwriting(ByteRange range, TimePoint now);
  KnownStrays& strays() const { return parts_.freer.strays(); }

  Parts parts_;
  Space& space_;
  const BufferConfig& config_;
  StrayWatch watch_;
  StrayFrames frames_;
  Pass pass_;  // over the stretches in which there may be frames
  WaitingBlock waiting_;
  TimePoint overwriting_told_ = TimePoint::min();
};

}  // namespace punchline
