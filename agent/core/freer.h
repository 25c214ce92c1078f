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
  std::uint64_t unfreed_bytes_max = 64ULL << 20;  ///< Above this, offering stops: must_pause().
  /// The reserve is given up only to free this much, or all there is at the end of the buffer
  /// (64 KiB or more). btrfs gives an extent back as a whole or not at all, and an extent can have
  /// 128 MiB. There must also be room to take the reserve again before somebody else uses it.
  std::uint64_t reserve_worth_bytes = 256ULL << 20;
  Duration reserve_delay = std::chrono::seconds(10);  ///< Until the reserve is tried again.
  std::size_t ranges_max = 64 * 1024;                 ///< Done ranges remembered above the front.
  std::size_t punches_per_turn_max = 256;
  CollapseLimits collapse;  ///< Without a unit, which is the default, it never collapses.
};

/// Gives the bytes that are done in the ledger back to the filesystem: stores the front, punches,
/// syncs and collapses, and knows when each of these is due.
///
/// Promise: nothing is freed that was not done, and each byte is remembered as done, in the state
/// attribute or by its hole, no later than it is freed. One thread. Bounded memory: when there are
/// more than ranges_max ranges above the front, some are punched and forgotten, since the file then
/// remembers them itself.
class Freer {
 public:
  /// All must outlive this. `checkpoint` must be started, and `ledger` must begin at its front.
  /// `reserve` may be nullptr.
  Freer(Checkpoint& checkpoint, Ledger& ledger, FreerLimits limits, Reserve* reserve = nullptr);
  Freer(const Freer&) = delete;
  Freer& operator=(const Freer&) = delete;

  /// The format has been settled (Checkpoint::settle_format()).
  void set_format(Format format) { reclaim_.set_format(format); }

  /// `range` is done: it is noted in the ledger, and is to be freed. It may overlap what is done
  /// already.
  void done(ByteRange range, TimePoint now);
  /// The same for Item::Kind::room: it is done, but its NULs are not to be freed.
  void pass_room(ByteRange range, TimePoint now);

  /// What somebody has written where all was done. None of it is freed before settle_stray().
  KnownStrays& strays() { return strays_; }
  /// The stray in `range`, which has this checksum, is kept elsewhere and is to be freed. If its
  /// bytes have another checksum by then, they are not freed but are to be found again.
  void settle_stray(ByteRange range, std::uint32_t checksum, TimePoint now);

  std::uint64_t unfreed_bytes() const { return reclaim_.unfreed_bytes(); }
  /// Bytes freed so far.
  std::uint64_t freed_bytes() const { return freed_bytes_; }
  /// Confirmed bytes cannot be freed, or noted, fast enough: offer nothing more for now. Want of
  /// room alone does not pause anything, since nobody knows when there will be room again.
  bool must_pause() const;
  /// Why, for want of room, neither the front can be set nor anything be freed, where no reserve
  /// helps; else nullptr. What lies after the stored front then comes again after a restart.
  const Error* no_room() const { return is_stuck_ ? &*no_room_ : nullptr; }

  /// The file has grown, so there is something to make durable.
  void note_growth(TimePoint now);
  /// Whether everything in the file has been read and it does not end with room, after which others
  /// may have appended since. Otherwise there may be a gap, and a buffer with a gap is not to be
  /// collapsed.
  void note_reading(bool all_read) { all_read_ = all_read; }
  /// What is not freed yet becomes due within a second, whether or not more becomes done meanwhile.
  void free_soon(TimePoint now);

  /// settle() would store, free or sync something.
  bool has_work(TimePoint now) const;
  /// Which done ranges above the front are worth a punch: the large ones; those that give back a
  /// block, when room is short; or all, when nothing is in flight and so none can grow.
  enum class Worth : std::uint8_t { large, blocks, all };
  /// Once a turn: stores the front, frees what is due, and syncs when it is time. Bounded. Blocks
  /// for fdatasync(2).
  std::vector<Trouble> settle(TimePoint now, Worth worth);

  /// Frees all that can be freed and makes everything durable.
  std::vector<Trouble> finish(TimePoint now);

  /// When to call settle() next if nothing else happens; TimePoint::max() for never.
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
  bool freed_noted_ = false;         // done once, as soon as there is a state
  Position format_shown_until_ = 0;  // end of the records at the base, which show it and so stay
  Position kept_until_ = 0;          // end of the records across checkpoint_.free_from()
  std::uint64_t freed_bytes_ = 0;
  std::uint64_t free_from_bytes_;    // with so many unfreed, a plan is made before its time
  bool all_read_ = true;
  bool collapse_waits_ = false;      // until all has been read
  bool punch_failed_ = false;        // the last one did; its range is tried again
  std::optional<Error> no_room_;     // why the whole of the last plan was refused
  bool is_stuck_ = false;            // there is a no_room_, and no reserve helped
  TimePoint free_due_ = TimePoint::max();
  TimePoint sync_due_ = TimePoint::max();
  TimePoint note_due_ = TimePoint::min();  // no sync because of strays before this
  TimePoint store_due_ = TimePoint::max();
  TimePoint collapse_due_ = TimePoint::max();
  TimePoint reserve_due_ = TimePoint::max();  // when to take it
};

}  // namespace punchline
