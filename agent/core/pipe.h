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

/// Forwards one buffer to one topic. It calls its parts in the right order; they decide.
///
/// feed() reads records and offers them (feeder.h), take() receives the reports on them, settle()
/// stores the front and frees (freer.h). One thread. No call blocks, except for fdatasync(2) in
/// settle().
class Pipe {
 public:
  /// The objects that a pipe works on and uses. All must outlive it.
  struct Parts {
    BufferFile& file;
    Checkpoint& checkpoint;  ///< Started.
    Sink& sink;
    ChunkPool& pool;
    BufferMetrics& metrics;
    LossAccount& losses;
    Log& log;
    SetAsideStore* set_aside_store = nullptr;  ///< nullptr: what is set aside stays in place.
    const KeySource* keys = nullptr;      ///< For records without a key; may be nullptr.
    const KeySource* old_keys = nullptr;  ///< The same, by the rule in Checkpoint::spread().
    std::string host = {};                ///< For the header punchline.host.
    Reserve* reserve = nullptr;           ///< For freeing when there is no room; may be nullptr.
  };

  /// `owner` comes back in each Delivery for this pipe.
  Pipe(Parts parts, const BufferConfig& config, FreerLimits limits, std::uint32_t owner,
       TimePoint now);

  using Fed = Feeder::Fed;

  /// A report about records of this pipe.
  void take(const Delivery& delivery, TimePoint now);
  /// The sink has lost this lane, perhaps one of this pipe: what it had in flight is offered again.
  void lose(Lane lane);
  /// Reads and offers a bounded amount.
  Fed feed(TimePoint now);
  /// While it is held, nothing is offered.
  void hold(bool held);
  /// Stores the front, makes copies of what is set aside durable, frees and syncs.
  void settle(TimePoint now);
  /// Updates the figures. Called at the end of a turn.
  void show(TimePoint now);
  /// The last settle(): frees and syncs all there is.
  void finish(TimePoint now);

  /// Records go to this cluster from now on, which is noted in the buffer. Returns the id that was
  /// noted before, "" for none.
  std::string note_cluster(const std::string& id, TimePoint now);
  const std::string& cluster() const { return cluster_; }
  /// Whether the file has a complete record at the place that the main pass has reached. Looks at
  /// the file itself, so no wake() is needed first.
  bool has_unread();
  /// The records that were complete in the buffer (below the limit) and neither done nor set aside,
  /// as of finish(). finish() reads at most 64 MiB to count them.
  const Rest& rest() const { return rest_; }

  /// The file may have changed.
  void wake() {
    tail_.wake();
    shrink_.wake();
  }
  /// When to come again if nothing else happens.
  TimePoint due(TimePoint now) const;

  /// Sets the limit: from now on only records that begin below the present end of the file are
  /// forwarded.
  Status limit_to_present();
  /// Nothing is left that could be delivered (below the limit, if one is set).
  bool drained() const;
  /// Something is left to be done before the file may be let go. Besides what drained() counts,
  /// these are copies that failed and are to be made again, and a last line that partial_timeout
  /// will close.
  bool has_work_left() const;
  /// The topic refuses each record that it is given, so only one is tried from time to time.
  bool is_refused() const { return refusals_.judge().blames_topic(); }
  std::uint64_t set_aside_records() const { return gauges_.set_aside_records(); }
  std::uint64_t unfinished_bytes() const { return feeder_.unfinished_bytes(); }
  /// The file no longer holds what was read of it: it was truncated, or written across. This pipe
  /// forwards nothing more, since its positions now name other bytes. Begin anew from the
  /// checkpoint once is_due_anew().
  bool shrunk() const { return shrink_.has_shrunk(); }
  /// The file has shrunk, and the reports on what was in flight are in (what has arrived is not
  /// lost), or have had their time. Call give_up() before this pipe is removed.
  bool is_due_anew(TimePoint now) { return shrink_.is_settled(lanes_.in_flight(), now); }
  /// All that is not done in a file that was truncated, or that nobody can reach any more, is lost:
  /// it is counted and logged.
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
  ChunkPool side_pool_;  // its own: all chunks of the shared pool may be in flight
  PipeGauges gauges_;
  Aside aside_;
  Refusals refusals_;
  Tail tail_;  // as seen by the main pass
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
