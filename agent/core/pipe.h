#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "agent/core/aside.h"
#include "agent/core/config.h"
#include "agent/core/envelope.h"
#include "agent/core/freer.h"
#include "agent/core/lanes.h"
#include "agent/core/ledger.h"
#include "agent/core/log.h"
#include "agent/core/loss_account.h"
#include "agent/core/metrics.h"
#include "agent/core/outlet.h"
#include "agent/core/partitions.h"
#include "agent/core/pass.h"
#include "agent/core/pipe_gauges.h"
#include "agent/core/refusals.h"
#include "agent/core/shrink_watch.h"
#include "agent/core/stray_frames.h"
#include "agent/core/stray_watch.h"
#include "agent/core/tail.h"
#include "agent/core/waiting_block.h"
#include "buffer/base/clock.h"
#include "buffer/buffer_file.h"
#include "buffer/checkpoint.h"
#include "sinks/chunk.h"
#include "sinks/sink.h"

namespace punchline {

/// One buffer on its way to one topic.
///
/// feed() reads and offers, take() hears what became of it, settle() remembers and frees. Records
/// of a lane that fell behind are met again by a pass of their own (lanes.h). One thread; no call
/// blocks but for fdatasync(2) in settle().
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

  /// What feed() came to.
  enum class Fed : std::uint8_t {
    more,     ///< There is more to do at once.
    waiting,  ///< For reports, room, memory, a delay, or the topic.
    at_end,   ///< All complete records have been offered.
  };

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
  /// What is complete in the buffer, below the limit, and neither done nor set aside.
  struct Rest {
    std::uint64_t records = 0;
    std::uint64_t bytes = 0;
    bool is_all = true;  ///< Else there may be more records in these bytes.
  };
  /// A complete record stands where the main pass has come to; nobody need have told us.
  bool has_unread();
  /// As of finish(), which reads 64 MiB at most for it.
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
  /// The topic refuses each record that it is given, so only one is tried from time to time.
  bool is_refused() const { return refusals_.judge().blames_topic(); }
  std::uint64_t set_aside_records() const { return gauges_.set_aside_records(); }
  std::uint64_t unfinished_bytes() const { return main_.unfinished_bytes(); }
  /// The file became shorter than what was read of it: this pipe forwards nothing more, since
  /// positions no longer say what they said. Begin anew from the checkpoint, when
  /// is_due_anew().
  bool shrunk() const { return shrink_.has_shrunk(); }
  /// What was in flight has arrived, and so is not lost, or has had its time. Call give_up() before
  /// this one goes.
  bool is_due_anew(TimePoint now) { return shrink_.is_settled(lanes_.in_flight(), now); }
  /// What is undone of a file that was truncated, or that nobody can reach any more, is lost: it is
  /// counted and told.
  void give_up(LossReason reason);
  std::uint64_t in_flight() const { return lanes_.in_flight(); }
  const std::string& path() const { return parts_.file.path(); }
  std::uint32_t owner() const { return owner_; }

 private:
  bool mapping_stands(TimePoint now);
  Spread first_spread(const Spread& wanted);
  bool waits_by_old_spread() const;

  std::array<Pass*, 3> passes() { return {&main_, &own_, &dropping_}; }
  bool look_for_shrinking();
  void tell_of_truncation();
  std::uint64_t records_left(Position until);
  bool has_shrunk(TimePoint now);
  void note_collapse(Position base_before);
  Fed settle_format(TimePoint now);
  void look_below(TimePoint now);
  void take_stretch(const Stray& stray);
  bool feed_strays(TimePoint now);
  bool pass_stray(ByteRange stretch, TimePoint now);
  bool pass_no_frame(ByteRange range);
  bool take_strays(const Delivery& delivery, TimePoint now);
  void take_stray(const StrayFrames::Offered& frame, const Delivery& delivery, TimePoint now);
  void look_at_waiting(TimePoint now);
  void tell_of_overwriting(ByteRange range, TimePoint now);
  Result<Pass::Fill> fill(Pass& pass, Position until);
  Fed probe_topic(TimePoint now);
  bool is_settled(ByteRange range) const;
  Fed wait_without_chunks();
  bool is_relaxed() const { return config_.order == Order::relaxed; }
  Fed feed_strict(TimePoint now);
  Fed feed_relaxed(TimePoint now);
  Fed feed_main(TimePoint now);
  Fed feed_lagging(TimePoint now);
  Fed catch_up(std::size_t lane, TimePoint now);
  void count_read(ByteRange range, std::size_t records);
  void drop_passes();
  void end_own_pass();
  Fed rest_at_end(TimePoint now);
  Fed stay_at_end();
  void note_room();
  bool pass_item(TimePoint now);
  bool pass_record(TimePoint now);
  std::size_t offer(Pass& pass, std::size_t lane, Position until, TimePoint now);
  Outlet::Pace pace(const Pass& pass, std::size_t lane) const;
  bool seeks_suspect(std::size_t lane) const {
    return is_relaxed() && !lanes_[lane].suspects.empty();
  }
  void count_found(std::span<const Record> sent);
  void count_keyless(std::span<const Record> sent);
  bool leave_behind(std::size_t lane, TimePoint now);
  bool is_droppable(const Record& record) const;
  void drop_oldest(TimePoint now);
  void drop_item(const Item& item, TimePoint now);
  void look_for_rest();
  void close_partial_line(TimePoint now);
  void tell_of_partial_line(TimePoint now);
  bool is_stuck(TimePoint now) const;
  void tell_of_silence(TimePoint now);
  Parts parts_;
  Space& space_;
  BufferConfig config_;
  std::uint32_t owner_;
  Ledger ledger_;
  Freer freer_;
  StrayWatch stray_watch_;
  StrayFrames stray_frames_;
  WaitingBlock waiting_;
  TimePoint overwriting_told_ = TimePoint::min();
  std::uint32_t seed_;
  Partitions partitions_;
  Lanes lanes_;
  Outlet outlet_;
  Envelope envelope_;
  ChunkPool side_pool_;  // of its own: the other may be all in flight
  Pass dropping_;        // gives up the oldest, where the operator wants that
  Position dropped_to_ = 0;
  Pass main_;  // over everything, once
  Pass own_;   // of the lane that is catching up
  std::optional<std::size_t> catching_up_;
  std::size_t next_lane_ = 0;  // whose turn it is to catch up (relaxed order)
  PipeGauges gauges_;
  Aside aside_;
  Refusals refusals_;

  Position until_;                   // nothing that begins at or above is forwarded
  Tail tail_;                        // as the main pass knows it
  ShrinkWatch shrink_;
  bool is_held_up_ = false;          // the last feed() did not ask it; an event or a deadline will
  TimePoint began_;
  bool silence_told_ = false;
  TimePoint trouble_seen_{};  // of the sink, while this was silent
  std::string cluster_;  // as noted by this run
  Rest rest_;
};

}  // namespace punchline
