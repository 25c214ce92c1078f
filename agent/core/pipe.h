#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

#include "agent/core/aside.h"
#include "agent/core/below_front.h"
#include "agent/core/config.h"
#include "agent/core/dropper.h"
#include "agent/core/envelope.h"
#include "agent/core/feeder.h"
#include "agent/core/freer.h"
#include "agent/core/lanes.h"
#include "agent/core/ledger.h"
#include "agent/core/log.h"
#include "agent/core/loss_account.h"
#include "agent/core/metrics.h"
#include "agent/core/outlet.h"
#include "agent/core/partitions.h"
#include "agent/core/pipe_gauges.h"
#include "agent/core/quarantine.h"
#include "agent/core/refusals.h"
#include "agent/core/shrink_watch.h"
#include "agent/core/silence.h"
#include "agent/core/spread_keeper.h"
#include "agent/core/survey.h"
#include "agent/core/tail.h"
#include "agent/core/truncation.h"
#include "buffer/base/clock.h"
#include "buffer/buffer_file.h"
#include "buffer/checkpoint.h"
#include "sinks/chunk.h"
#include "sinks/sink.h"

namespace punchline {

/// One buffer on its way to one topic. It orders the turn; its parts decide.
///
/// feed() reads and offers (feeder.h), take() hears what became of it, settle() remembers and frees
/// (freer.h). One thread; no call blocks but for fdatasync(2) in settle().
class Pipe {
 public:
  /// What a pipe works on and with; all must outlive it.
  struct Parts {
    BufferFile& file;
    Checkpoint& checkpoint;  ///< Started.
    Sink& sink;
    ChunkPool& pool;
    BufferMetrics& metrics;
    LossAccount& losses;
    Log& log;
    SetAsideStore* set_aside_store = nullptr;  ///< Without it what is set aside stays in place.
    const KeySource* keys = nullptr;           ///< Of records that have none; may be nullptr.
    const KeySource* old_keys = nullptr;       ///< The same, by Checkpoint::spread().
    std::string host = {};                     ///< For the header punchline.host.
    Reserve* reserve = nullptr;                ///< For freeing without room; may be nullptr.
  };

  /// `owner` comes back in each Delivery for this pipe.
  Pipe(Parts parts, const BufferConfig& config, FreerLimits limits, std::uint32_t owner,
       TimePoint now);

  using Fed = Feeder::Fed;

  /// A report about records of this pipe.
  void take(const Delivery& delivery, TimePoint now);
  /// The epoch of some lanes in the sink has changed.
  void lose_in_flight();
  /// Reads and offers, a bounded amount.
  Fed feed(TimePoint now);
  /// Offers nothing until it is let go.
  void hold(bool held);
  /// Front, freeing, syncing.
  void settle(TimePoint now);
  /// Figures: at the end of a turn.
  void show(TimePoint now);
  /// The last settle(): frees and syncs all there is.
  void finish(TimePoint now);

  /// Records go to this cluster from now on: noted in the buffer. Returns the id that stood there,
  /// "" for none.
  std::string note_cluster(const std::string& id, TimePoint now);
  const std::string& cluster() const { return cluster_; }
  /// A complete record stands where the main pass has come to; nobody need have told us.
  bool has_unread();
  /// What was complete in the buffer, below the limit, and neither done nor set aside, as of
  /// finish(), which reads 64 MiB at most for it.
  const Rest& rest() const { return rest_; }

  /// The file may have changed.
  void wake() {
    tail_.wake();
    shrink_.wake();
  }
  /// When to come again if nothing else happens.
  TimePoint due(TimePoint now) const;

  /// From now on only what is complete below the present end of the file is forwarded.
  Status limit_to_present();
  /// Nothing is left that could be delivered (below the limit, where one is set).
  bool drained() const;
  /// Something is to be done yet by whoever lets the file go: drained() does not ask for copies that
  /// have failed, nor for a last line that partial_timeout is to close.
  bool has_work_left() const;
  /// The topic refuses each record that it is given, so only one is tried from time to time.
  bool is_refused() const { return refusals_.judge().blames_topic(); }
  std::uint64_t set_aside_records() const { return gauges_.set_aside_records(); }
  std::uint64_t unfinished_bytes() const { return feeder_.unfinished_bytes(); }
  /// The file became shorter than what was read of it: this pipe forwards nothing more, since
  /// positions no longer say what they said. Begin anew from the checkpoint, when
  /// is_due_anew().
  bool shrunk() const { return shrink_.has_shrunk(); }
  /// What was in flight has arrived, and so is not lost, or has had its time. Call give_up() before
  /// this one goes.
  bool is_due_anew(TimePoint now) { return shrink_.is_settled(lanes_.in_flight(), now); }
  /// What is undone of a file that was truncated, or that nobody can reach any more, is lost: it is
  /// counted and told.
  void give_up(LossReason reason) { truncation_.give_up(reason); }
  std::uint64_t in_flight() const { return lanes_.in_flight(); }
  const std::string& path() const { return parts_.file.path(); }
  std::uint32_t owner() const { return owner_; }

 private:
  void forget();
  Rest look_for_rest();
  BufferState state(TimePoint now) const;

  Parts parts_;
  Space& space_;
  BufferConfig config_;
  std::uint32_t owner_;
  Ledger ledger_;
  Freer freer_;
  Partitions partitions_;
  Lanes lanes_;
  Outlet outlet_;
  Envelope envelope_;
  ChunkPool side_pool_;  // of its own: the other may be all in flight
  PipeGauges gauges_;
  Aside aside_;
  Refusals refusals_;
  Tail tail_;  // as the main pass knows it
  ShrinkWatch shrink_;
  Feeder feeder_;
  Truncation truncation_;
  SpreadKeeper spread_;
  BelowFront below_;
  Dropper dropper_;
  Silence silence_;
  std::string cluster_;  // as noted by this run
  Rest rest_;
};

}  // namespace punchline
