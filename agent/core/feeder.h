#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

#include "agent/core/aside.h"
#include "agent/core/config.h"
#include "agent/core/envelope.h"
#include "agent/core/freer.h"
#include "agent/core/lanes.h"
#include "agent/core/ledger.h"
#include "agent/core/log.h"
#include "agent/core/metrics.h"
#include "agent/core/outlet.h"
#include "agent/core/partitions.h"
#include "agent/core/pass.h"
#include "agent/core/pipe_gauges.h"
#include "agent/core/refusals.h"
#include "agent/core/shrink_watch.h"
#include "agent/core/tail.h"
#include "buffer/base/byte_range.h"
#include "buffer/base/clock.h"
#include "buffer/checkpoint.h"
#include "sinks/chunk.h"

namespace punchline {

/// Reads a buffer and offers its records to the sink.
///
/// The *main pass* goes over everything, once. A lane that fell behind (lanes.h) is brought level
/// by a pass of its own, one lane at a time. In strict order the main pass goes on only while some
/// lane is level. In relaxed order it always goes on, and the backlog takes the room that is left.
/// One thread.
class Feeder {
 public:
  /// All must outlive it.
  struct Parts {
    Checkpoint& checkpoint;
    Ledger& ledger;
    Freer& freer;
    Lanes& lanes;
    const Partitions& partitions;
    Outlet& outlet;
    Envelope& envelope;
    Aside& aside;
    Refusals& refusals;
    Tail& tail;
    ShrinkWatch& shrink;
    PipeGauges& gauges;
    BufferMetrics& metrics;
    ChunkPool& pool;
    Log& log;
  };
  /// `owner` as for Pass. The main pass begins at the front.
  Feeder(Parts parts, const BufferConfig& config, std::uint32_t owner);

  /// How a call ended.
  enum class Fed : std::uint8_t {
    more,     ///< There is more to do at once.
    waiting,  ///< For reports, room, memory, a delay, or the topic.
    at_end,   ///< All complete records have been offered.
  };
  /// Reads and offers a bounded amount.
  Fed feed(TimePoint now);
  /// Instead of feed() while the topic is blamed: from time to time offers the first of the records
  /// that it refused, alone.
  Fed probe(TimePoint now);
  /// Instead of feed() while the pipe cannot go on: leaves the memory to the other pipes.
  Fed wait();
  /// When to look for more.
  TimePoint next_look(TimePoint now) const;

  /// Offers records of `pass` to `lane`, from its item() on and below `until`, as many as may go
  /// now. Returns how many the sink has taken.
  std::size_t offer(Pass& pass, std::size_t lane, Position until, TimePoint now);
  /// Goes once more through everything that is not done, from the front on.
  void restart();
  /// Ends the own pass of this lane, or of whichever lane has one.
  void end_own_pass(std::size_t lane);
  void end_own_pass();
  /// Gives all memory back. The passes keep their places.
  void drop();
  /// A fence was set, so what was read may read differently now.
  void forget();
  /// The first part of the file was cut off by a collapse.
  void collapsed();

  /// From now on nothing that begins at `until` or later is offered.
  void set_until(Position until) { until_ = until; }
  Position until() const { return until_; }
  bool has_limit() const { return until_ != kPositionMax; }
  /// The position that the main pass has reached.
  Position at() const { return main_.at(); }
  /// Bytes after at() of a record that is not complete yet.
  std::uint64_t unfinished_bytes() const { return main_.unfinished_bytes(); }
  /// The last line has no newline, and partial_timeout will give it one.
  bool will_close_line() const;
  /// Some lane has a pass of its own under way.
  bool is_catching_up() const { return catching_up_.has_value(); }
  /// Nothing of `range` is to be offered.
  bool is_settled(ByteRange range) const;
  /// The record is certainly not with the sink.
  bool may_give_up(const Record& record) const;
  /// The records in `range` have been met for the first time: counts them, and moves
  /// Ledger::read_to() to its end.
  void count_read(ByteRange range, std::size_t records);
  /// What this reader knows of the file.
  ShrinkWatch::Known known() const {
    return {parts_.ledger.front(), main_.at(), parts_.tail.room()};
  }

 private:
  bool is_relaxed() const { return config_.order == Order::relaxed; }
  bool seeks_suspect(std::size_t lane) const {
    return is_relaxed() && !parts_.lanes[lane].suspects.empty();
  }
  Outlet::Pace pace(const Pass& pass, std::size_t lane) const;
  Fed feed_strict(TimePoint now);
  Fed feed_relaxed(TimePoint now);
  Fed feed_main(TimePoint now);
  Fed feed_lagging(TimePoint now);
  Fed catch_up(std::size_t lane, TimePoint now);
  Fed settle_format(TimePoint now);
  Fed reach_end(TimePoint now);
  Fed stay_at_end();
  Result<Pass::Fill> fill(Pass& pass, Position until);
  bool pass_item(TimePoint now);
  bool pass_record(TimePoint now);
  bool leave_behind(std::size_t lane, TimePoint now);
  void count_found(std::span<const Record> sent);
  void count_keyless(std::span<const Record> sent);
  void note_room();
  bool ends_with_partial_line() const;
  void close_partial_line(TimePoint now);
  void tell_of_partial_line(TimePoint now);

  Parts parts_;
  Space& space_;
  const BufferConfig& config_;
  Pass main_;
  Pass own_;                               // for the lane that is catching up
  std::optional<std::size_t> catching_up_;
  std::size_t next_lane_ = 0;              // whose turn it is to catch up (relaxed order)
  Position until_ = kPositionMax;
  bool is_held_up_ = false;  // the last feed() stopped before the tail, until an event or deadline
};

}  // namespace punchline
