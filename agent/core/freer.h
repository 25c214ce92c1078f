#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "agent/core/known_strays.h"
#include "agent/core/ledger.h"
#include "agent/core/trouble.h"
#include "buffer/base/byte_range.h"
#include "buffer/base/clock.h"
#include "buffer/checkpoint.h"
#include "buffer/reclaim.h"
#include "buffer/reserve.h"
#include "buffer/space.h"

namespace punchline {

struct FreerLimits {
  std::uint64_t block_bytes = 4096;
  std::uint64_t free_bytes_min = 64 * 1024;              ///< Punch at once from this size on ...
  Duration free_delay = std::chrono::milliseconds(100);  ///< ... or after this time.
  Duration sync_delay = std::chrono::seconds(1);
  Duration retry_delay = std::chrono::seconds(1);
  Duration collapse_delay = std::chrono::seconds(1);  ///< Since the front moved.
  Duration collapse_retry_delay = std::chrono::minutes(1);
  std::uint64_t unfreed_bytes_max = 64ULL << 20;  ///< Offering stops above, see must_pause().
  /// The reserve is given up to free so much, or all there is at the end of the buffer. btrfs gives
  /// an extent back as a whole or not at all, and one may have 128 MiB; and there must be room to
  /// take the reserve again before somebody else has that.
  std::uint64_t reserve_worth_bytes = 256ULL << 20;
  Duration reserve_delay = std::chrono::seconds(10);  ///< Until that is tried again.
  std::size_t ranges_max = 64 * 1024;                 ///< Done ranges remembered above the front.
  std::size_t punches_per_turn_max = 256;
  CollapseLimits collapse;  ///< By default never, as long as no unit is given.
};

/// Gives the bytes that the ledger says are done back to the filesystem: stores the front, punches,
/// syncs, collapses, and knows when each of these is due.
///
/// Promise: a byte is remembered as done, in the state attribute or by its hole, before or when it
/// is freed, and nothing is freed that was not done. One thread; bounded memory: beyond ranges_max
/// ranges above the front are punched and forgotten, since the file then remembers them itself.
class Freer {
 public:
  /// All must outlive this. `checkpoint` has been started, and `ledger` begins at its front.
  /// `reserve` may be nullptr.
  Freer(Checkpoint& checkpoint, Ledger& ledger, FreerLimits limits, Reserve* reserve = nullptr);
  Freer(const Freer&) = delete;
  Freer& operator=(const Freer&) = delete;

  /// The format has been settled (Checkpoint::settle_format()).
  void set_format(Format format) { reclaim_.set_format(format); }

  /// `range` is done: noted in the ledger, and to be freed. It may overlap what is done already.
  void done(ByteRange range, TimePoint now);
  /// The same of Item::Kind::room: done, but its NULs are not to be freed.
  void pass_room(ByteRange range, TimePoint now);

  /// What somebody has written where all was done: nothing of that is freed.
  KnownStrays& strays() { return strays_; }
  /// It is kept elsewhere: to be freed, unless something else than that, of which this is the
  /// checksum, stands there by then. That is to be found again.
  void settle_stray(ByteRange range, std::uint32_t checksum, TimePoint now);

  std::uint64_t unfreed_bytes() const { return reclaim_.unfreed_bytes(); }
  /// Bytes freed so far.
  std::uint64_t freed_bytes() const { return freed_bytes_; }
  /// Confirmed bytes cannot be freed fast enough, or not be noted: offer nothing more for now. But
  /// for want of room nothing stops: nobody knows when there is some again.
  bool must_pause() const;
  /// Neither can the front be set nor anything be freed for want of room, and there is no reserve
  /// that would help; else nullptr. What comes after the front that is stored comes again after a
  /// restart.
  const Error* no_room() const { return is_stuck_ ? &*no_room_ : nullptr; }

  /// The file has grown, so there is something to make durable.
  void note_growth(TimePoint now);
  /// Whether all that the file holds has been read, and it does not end with room, behind which
  /// others may have come since: else there may be a gap, after which it is not to be collapsed.
  void note_reading(bool all_read) { all_read_ = all_read; }
  /// What is not freed yet becomes due within a second, whether or not more is done till then.
  void free_soon(TimePoint now);

  /// settle() would store, free or sync something.
  bool has_work(TimePoint now) const;
  /// Which done ranges above the front are worth a punch: those that are large; those that give
  /// back a block, where room is short; all, as when nothing is in flight and none may grow.
  enum class Worth : std::uint8_t { large, blocks, all };
  /// Once a turn: stores the front, frees what is due, syncs when it is time. Bounded. Blocks for
  /// fdatasync(2).
  std::vector<Trouble> settle(TimePoint now, Worth worth);

  /// Frees all that can be freed and makes everything durable.
  std::vector<Trouble> finish(TimePoint now);

  /// When settle() should be called next, if nothing else happens; TimePoint::max() for never.
  TimePoint due() const {
    return std::min({free_due_, sync_due_, store_due_, collapse_due_, reserve_due_});
  }

 private:
  using Troubles = std::vector<Trouble>;
  void begin_at(Position front);
  void note_done(ByteRange range, TimePoint now);
  void store_front(TimePoint now, Troubles& troubles);
  void free_timely(TimePoint now, Worth worth, Troubles& troubles);
  std::uint64_t least_bytes(Worth worth) const;
  void free_blocks(TimePoint now, Reclaim::Least least, std::size_t punches_max,
                   Troubles& troubles);
  void punch_all(const std::vector<Reclaim::Punch>& punches, TimePoint now, Troubles& troubles);
  Status punch(const Reclaim::Punch& punch, Troubles& troubles);
  bool is_worth_reserve(Worth worth) const;
  void free_by_reserve(TimePoint now, Worth worth, Troubles& troubles);
  void take_reserve(TimePoint now);
  void forget_ranges(TimePoint now, Troubles& troubles);
  Position free_from() const;
  void sync(TimePoint now, Troubles& troubles);
  void collapse(TimePoint now, Troubles& troubles);
  void sync_for_strays(TimePoint now);
  Position clean_to() const;
  void note_freed_first();
  void note_freed(Position clean);

  Checkpoint& checkpoint_;
  Space& space_;
  Ledger& ledger_;
  FreerLimits limits_;
  Reserve* reserve_;
  bool has_reserve_ = false;
  Reclaim reclaim_;
  KnownStrays strays_;
  bool freed_noted_ = false;           // once, as soon as there is a state
  Position format_shown_until_ = 0;    // by the records from the base on, which stay
  Position kept_until_ = 0;            // end of the records across checkpoint_.free_from()
  std::uint64_t freed_bytes_ = 0;
  std::uint64_t free_from_bytes_;      // unfreed bytes from which on a plan is made before its time
  bool all_read_ = true;
  bool collapse_waits_ = false;        // for all to be read
  bool punch_failed_ = false;          // the last one did; its range is tried again
  std::optional<Error> no_room_;       // the last plan was refused by that altogether
  bool is_stuck_ = false;              // so it was, and no reserve helped
  TimePoint free_due_ = TimePoint::max();
  TimePoint sync_due_ = TimePoint::max();
  TimePoint note_due_ = TimePoint::min();  // to sync for the sake of strays not before
  TimePoint store_due_ = TimePoint::max();
  TimePoint collapse_due_ = TimePoint::max();
  TimePoint reserve_due_ = TimePoint::max();  // to take it
};

}  // namespace punchline
