#include "agent/core/freer.h"

#include <algorithm>
#include <utility>

#include "buffer/base/rarely.h"

namespace punchline {
namespace {

constexpr int kRefusalsPerPlan = 4;  // for want of room: each costs btrfs a commit
constexpr std::uint64_t kWorthAtEndBytes = 64 * 1024;
constexpr int kSegmentsMax = 1000;

/// Where the data begin that end at `front`: what an earlier run left that has not noted how far it
/// freed.
Position last_data_before(Space& space, Position front) {
  auto at = space.base();
  for (int segment = 0; segment < kSegmentsMax; ++segment) {
    const auto data = space.next_data(at);
    if (!data) break;
    if (!*data || **data >= front) return front;
    const auto hole = space.next_hole(**data);
    if (!hole) break;
    if (*hole >= front) return **data;
    at = *hole;
  }
  return space.base();
}

}  // namespace

Freer::Freer(Checkpoint& checkpoint, Ledger& ledger, FreerLimits limits, Reserve* reserve)
    : checkpoint_(checkpoint),
      space_(checkpoint.space()),
      ledger_(ledger),
      limits_(limits),
      reserve_(reserve),
      reclaim_(limits.block_bytes, checkpoint.base(), checkpoint.format()),
      strays_(checkpoint, ledger, reclaim_, limits.block_bytes),
      free_from_bytes_(limits.free_bytes_min) {
  const auto front = ledger.front();
  begin_at(front);
  if (front > checkpoint.base()) free_due_ = collapse_due_ = TimePoint::min();
  if (checkpoint.needs_store() || !checkpoint.freed()) store_due_ = TimePoint::min();
  if (reserve != nullptr) reserve_due_ = TimePoint::min();
}

// Bytes that an earlier run confirmed, and did not get round to free or to cut off, count as not
// freed yet. All below them counts as clean (B9).
void Freer::begin_at(Position front) {
  const auto base = space_.base();
  const auto& freed = checkpoint_.freed();
  const auto to = freed ? std::clamp(freed->to, base, front) : last_data_before(space_, front);
  reclaim_ = Reclaim(limits_.block_bytes, to, space_.format());
  reclaim_.add({to, front});
  if (freed && freed->kept_checksum != 0 && freed->to >= base) {
    strays_.expect({to, front}, freed->kept_checksum);
  }
}

void Freer::done(ByteRange range, TimePoint now) {
  range = ledger_.done(range);
  if (range.empty()) return;
  reclaim_.add(range);
  note_done(range, now);
}

void Freer::pass_room(ByteRange range, TimePoint now) {
  range = ledger_.pass_room(range);
  if (range.empty()) return;
  reclaim_.leave(range);
  note_done(range, now);
}

void Freer::note_done(ByteRange range, TimePoint now) {
  const auto noted = checkpoint_.free_from();
  if (range.begin < noted && noted < range.end) kept_until_ = range.end;
  if (range.begin == space_.base()) format_shown_until_ = range.end;
  free_due_ = std::min(free_due_, now + limits_.free_delay);
  note_growth(now);
}

void Freer::note_growth(TimePoint now) {
  sync_due_ = std::min(sync_due_, now + limits_.sync_delay);
}

void Freer::free_soon(TimePoint now) {
  if (reclaim_.unfreed_bytes() > 0) free_due_ = std::min(free_due_, now + limits_.retry_delay);
}

void Freer::settle_stray(ByteRange range, std::uint32_t checksum, TimePoint now) {
  strays_.settle(range, checksum);
  free_due_ = std::min(free_due_, now);
}

bool Freer::must_pause() const {
  return (reclaim_.unfreed_bytes() > limits_.unfreed_bytes_max && !no_room_) ||
         ledger_.above().size() > 2 * limits_.ranges_max;
}

bool Freer::has_work(TimePoint now) const {
  return ledger_.front() > checkpoint_.front() || now >= due() ||
         ledger_.above().size() > limits_.ranges_max || (collapse_waits_ && all_read_) ||
         (reclaim_.unfreed_bytes() >= free_from_bytes_ && !punch_failed_);
}

std::vector<Trouble> Freer::settle(TimePoint now, Worth worth) {
  Troubles troubles;
  store_front(now, troubles);
  free_timely(now, worth, troubles);
  const bool may_free = !no_room_ || now >= free_due_;
  if (ledger_.above().size() > limits_.ranges_max && may_free) forget_ranges(now, troubles);
  free_by_reserve(now, worth, troubles);
  if (now >= reserve_due_) take_reserve(now);
  if (now >= sync_due_) sync(now, troubles);
  if (now >= collapse_due_ || (collapse_waits_ && all_read_)) collapse(now, troubles);
  return troubles;
}

// Large ranges are freed at once, others after a while if they are worth it.
void Freer::free_timely(TimePoint now, Worth worth, Troubles& troubles) {
  const auto unfreed = reclaim_.unfreed_bytes();
  if (now >= free_due_) {
    if (unfreed > limits_.unfreed_bytes_max / 2) worth = Worth::all;
    free_due_ = TimePoint::max();
    free_blocks(now, {1, least_bytes(worth)}, limits_.punches_per_turn_max, troubles);
  } else if (unfreed >= free_from_bytes_ && !punch_failed_) {
    free_blocks(now, {limits_.free_bytes_min, limits_.free_bytes_min}, limits_.punches_per_turn_max,
                troubles);
  }
}

// A range of two blocks has a whole block in it.
std::uint64_t Freer::least_bytes(Worth worth) const {
  if (worth == Worth::all) return 1;
  if (worth == Worth::large) return limits_.free_bytes_min;
  return std::min(limits_.free_bytes_min, 2 * limits_.block_bytes);
}

// A front that cannot be stored stays in memory. Freeing then goes on above the stored front, by
// F2, and storing is tried again each second.
void Freer::store_front(TimePoint now, Troubles& troubles) {
  const bool may_store = store_due_ == TimePoint::max() || now >= store_due_;
  if (ledger_.front() > checkpoint_.front() && may_store) {
    collapse_due_ = std::min(collapse_due_, now + limits_.collapse_delay);
    const auto stored = checkpoint_.move_front(ledger_.front());
    if (!stored) store_due_ = now;  // with all else that is to be stored
  }
  if (now < store_due_) return;
  const auto stored = checkpoint_.store();
  RARELY(!stored, "the state cannot be stored");
  store_due_ = stored ? TimePoint::max() : now + limits_.retry_delay;
  if (!stored) {
    troubles.push_back(Trouble::of(stored.error()));
  }
  if (stored && !freed_noted_) note_freed_first();
}

void Freer::free_blocks(TimePoint now, Reclaim::Least least, std::size_t punches_max,
                         Troubles& troubles) {
  const Reclaim::View view{checkpoint_.stored_front(), ledger_.front(),
                           &ledger_.above(),           free_from(),
                           strays_.is_written_below(), strays_.must_hold()};
  const auto punches = reclaim_.plan(view, least, punches_max);
  punch_all(punches, now, troubles);
  free_from_bytes_ = reclaim_.unfreed_bytes() + limits_.free_bytes_min;
  if (!punch_failed_ && punches.size() >= punches_max) free_due_ = std::min(free_due_, now);
  RARELY(view.free_from > 0, "what is below the end of a collapse is not freed yet");
  RARELY(view.hold_below, "strays below the front hold back freeing");
  if (view.hold_strays) sync_for_strays(now);
  const bool held = view.free_from > 0 || view.hold_below || view.hold_strays;
  if (held) free_due_ = std::min(free_due_, now + limits_.retry_delay);
  if (!punches.empty()) note_growth(now);
}

// A full btrfs refuses edges that are not aligned, since it would have to copy them. At the limit
// of a quota it refuses everything.
void Freer::punch_all(const std::vector<Reclaim::Punch>& punches, TimePoint now,
                       Troubles& troubles) {
  punch_failed_ = false;
  no_room_.reset();
  int tried = 0;
  int refused = 0;
  for (const auto& each : punches) {
    ++tried;
    const auto punched = punch(each, troubles);
    if (punched) continue;
    punch_failed_ = true;
    free_due_ = now + limits_.retry_delay;
    RARELY(!each.in_band, "a punch of whole blocks fails");
    if (punched.error().kind() == ErrorKind::no_space && ++refused == tried)
      no_room_ = punched.error();
    if (!each.in_band || refused == kRefusalsPerPlan) break;
  }
  if (refused < tried) no_room_.reset();
  RARELY(no_room_.has_value(), "a full disk refuses every punch");
}

bool Freer::is_worth_reserve(Worth worth) const {
  const bool at_end = worth == Worth::all && all_read_ && ledger_.above().empty();
  return reclaim_.unfreed_bytes() >= (at_end ? kWorthAtEndBytes : limits_.reserve_worth_bytes);
}

// F3. Done at once, since producers that append want the same room.
void Freer::free_by_reserve(TimePoint now, Worth worth, Troubles& troubles) {
  is_stuck_ = false;
  if (!no_room_ || !is_worth_reserve(worth)) return;
  if (has_reserve_) reserve_due_ = now;
  if (std::exchange(has_reserve_, false) && reserve_->give_up()) {
    RARELY(true, "F3: the reserve is given up");
    std::erase_if(troubles, [](const auto& trouble) { return trouble.is_no_space; });
    store_due_ = now;
    store_front(now, troubles);
    free_blocks(now, {}, limits_.punches_per_turn_max, troubles);
  }
  is_stuck_ = no_room_.has_value();
  RARELY(is_stuck_, "F4: no reserve helps");
}

void Freer::take_reserve(TimePoint now) {
  has_reserve_ = reserve_->take().ok();
  reserve_due_ = has_reserve_ ? TimePoint::max() : now + limits_.reserve_delay;
}

// The place where the file ended when a collapse was noted may be inside a record, and one half of
// that record must not be freed without the other (C3). And as long as the stored state does not
// say that this is a buffer of frames, its first frames do. A reader that finds only what comes
// after them, torn perhaps, would take it for lines.
Position Freer::free_from() const {
  const bool shows = space_.format() == Format::frames && !checkpoint_.format_stored();
  const auto noted = checkpoint_.free_from();
  return std::max(noted > 0 ? std::max(noted, kept_until_) : 0, shows ? format_shown_until_ : 0);
}

Status Freer::punch(const Reclaim::Punch& punch, Troubles& troubles) {
  if (punch.in_band && !punch.stray && strays_.crosses(punch.settled)) {
    RARELY(true, "a range that is done is written across, and not freed");
    return Error(ErrorKind::busy, 0, space_.path() + ": written across");
  }
  if (punch.stray && strays_.was_written_since(punch.settled)) {
    RARELY(true, "a stray was written to since it was copied");
    free_due_ = TimePoint::min();  // the rest of it, by another plan
    return {};
  }
  const auto freed = space_.punch(punch.range);
  if (freed) {
    freed_bytes_ += reclaim_.freed(punch);
    if (punch.stray) strays_.freed(punch.settled);
    return freed;
  }
  const bool no_space = freed.error().kind() == ErrorKind::no_space;
  if (!no_space || !punch.in_band) troubles.push_back(Trouble::of(freed.error()));
  RARELY(freed.error().kind() == ErrorKind::io, "a punch fails with EIO");
  if (freed.error().kind() == ErrorKind::io) checkpoint_.distrust();
  return freed;
}

// Ranges are forgotten when there are too many to remember: the lowest first, and each only once
// the file itself says that it is done.
void Freer::forget_ranges(TimePoint now, Troubles& troubles) {
  free_blocks(now, {}, reclaim_.unfreed().size() + 2, troubles);
  std::vector<ByteRange> remembered;  // by the file itself
  for (const auto& [begin, end] : ledger_.above()) {
    if (remembered.size() == limits_.ranges_max / 4 + 1) break;
    if (reclaim_.is_freed({begin, end})) remembered.push_back({begin, end});
  }
  RARELY(!remembered.empty(), "ranges that are done are forgotten, there are too many");
  for (const auto& range : remembered)
    ledger_.forget(range);
}

// How far the buffer is clean is looked at before the sync: what becomes clean after that need not
// be on disk when the sync has ended.
void Freer::sync(TimePoint now, Troubles& troubles) {
  const auto clean = clean_to();
  const auto synced = checkpoint_.sync();
  sync_due_ = TimePoint::max();
  if (checkpoint_.needs_store()) store_due_ = std::min(store_due_, now);
  if (synced) {
    note_freed(clean);
    if (!strays_.empty()) free_due_ = std::min(free_due_, now);
    return;
  }
  troubles.push_back(Trouble::of(synced.error()));
  sync_due_ = now + limits_.retry_delay;
}

// Given up for good once the kernel has said that it cannot: the logical size grows on there.
void Freer::collapse(TimePoint now, Troubles& troubles) {
  collapse_due_ = TimePoint::max();
  if (limits_.collapse.unit_bytes == 0 ||
      checkpoint_.stored_front() - space_.base() < limits_.collapse.bytes_min) {
    return;
  }
  // A producer that writes into room would go on elsewhere. This is due again when the front moves
  // on.
  if (ledger_.has_room_above()) return;
  collapse_waits_ = !all_read_;
  RARELY(collapse_waits_, "a collapse waits until all is read");
  if (collapse_waits_) return;
  if (!strays_.is_clean_below()) {  // what was written there would be zeroed
    RARELY(true, "a collapse waits for strays");
    collapse_due_ = now + limits_.collapse_delay;
    return;
  }
  const auto cut = checkpoint_.collapse(limits_.collapse);
  if (cut) {
    if (*cut == 0) return;
    freed_bytes_ += reclaim_.cut_off(space_.base());
    strays_.collapsed();
    return;
  }
  collapse_due_ = now + limits_.collapse_delay;
  if (cut.error().kind() == ErrorKind::busy) return;
  auto trouble = Trouble::of(cut.error());
  trouble.retry = limits_.collapse_retry_delay;
  if (cut.error().kind() == ErrorKind::unsupported) {
    limits_.collapse.unit_bytes = 0;
    trouble.retry.reset();
  }
  collapse_due_ = now + limits_.collapse_retry_delay;
  troubles.push_back(std::move(trouble));
}

void Freer::sync_for_strays(TimePoint now) {
  if (now < note_due_) return;
  note_due_ = now + limits_.retry_delay;
  sync_due_ = std::min(sync_due_, now);
}

Position Freer::clean_to() const {
  return std::min(reclaim_.clean_to(), ledger_.front());
}

// Comes before anything is freed. An agent that is killed before its first sync leaves holes above
// what was clean, and bytes that are done between them must not be taken for strays.
void Freer::note_freed_first() {
  freed_noted_ = true;
  if (!checkpoint_.freed()) checkpoint_.note_freed(clean_to(), 0);
}

void Freer::note_freed(Position clean) {
  if (ledger_.front() != checkpoint_.front()) return;
  checkpoint_.note_freed(clean, strays_.kept_checksum(clean));
}

// The front is stored before anything is freed (F5), and what is clean is looked at before the last
// sync.
std::vector<Trouble> Freer::finish(TimePoint now) {
  Troubles troubles;
  store_front(now, troubles);
  free_blocks(now, {}, reclaim_.unfreed().size() + 2, troubles);
  free_by_reserve(now, Worth::all, troubles);
  if (now >= reserve_due_) take_reserve(now);
  if (strays_.is_clean_below()) strays_.remember_kept();
  const auto clean = clean_to();
  const auto finished = checkpoint_.finish();
  if (finished) {
    note_freed(clean);
  } else {
    troubles.push_back(Trouble::of(finished.error()));
  }
  return troubles;
}

}  // namespace punchline
