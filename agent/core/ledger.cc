#include "agent/core/ledger.h"

#include <algorithm>
#include <utility>

namespace punchline {
namespace {

constexpr int kRefusalsPerPlan = 4;  // for want of room: each costs btrfs a commit
constexpr std::uint64_t kWorthAtEndBytes = 64 * 1024;

}  // namespace

Ledger::Ledger(Checkpoint& checkpoint, LedgerLimits limits, Reserve* reserve)
    : checkpoint_(checkpoint),
      space_(checkpoint.space()),
      limits_(limits),
      reserve_(reserve),
      reclaim_(limits.block_bytes, checkpoint.base(), checkpoint.format()),
      search_(space_),
      front_(checkpoint.front()),
      free_from_bytes_(limits.free_bytes_min) {
  // What an earlier run confirmed and did not get round to free, or to cut off.
  begin_below(front_);
  if (front_ > checkpoint.base()) free_due_ = collapse_due_ = TimePoint::min();
  if (checkpoint.needs_store() || !checkpoint.freed()) store_due_ = TimePoint::min();
  if (reserve != nullptr) reserve_due_ = TimePoint::min();
}

void Ledger::done(ByteRange range, TimePoint now) {
  range.begin = std::max(range.begin, front_);
  if (range.empty()) return;
  reclaim_.add(range);
  note_done(range, now);
}

void Ledger::pass_room(ByteRange range, TimePoint now) {
  if (is_done(range)) return;
  range.begin = std::max(range.begin, front_);
  room_to_ = std::max(room_to_, range.end);
  reclaim_.leave(range);
  note_done(range, now);
}

void Ledger::note_done(ByteRange range, TimePoint now) {
  const auto noted = checkpoint_.free_from();
  if (range.begin < noted && noted < range.end) kept_until_ = range.end;
  if (range.begin == space_.base()) format_shown_until_ = range.end;
  if (range.begin == front_) {
    front_ = range.end;
    for (auto next = done_.first(); next && next->begin <= front_; next = done_.first()) {
      front_ = std::max(front_, next->end);
      done_.erase(*next);
    }
  } else {
    done_.insert(range);
  }
  free_due_ = std::min(free_due_, now + limits_.free_delay);
  note_growth(now);
}

void Ledger::note_growth(TimePoint now) {
  sync_due_ = std::min(sync_due_, now + limits_.sync_delay);
}

void Ledger::free_soon(TimePoint now) {
  if (reclaim_.unfreed_bytes() > 0) free_due_ = std::min(free_due_, now + limits_.retry_delay);
}

bool Ledger::is_done(ByteRange range) const {
  return range.end <= front_ || done_.contains(range);
}

Position Ledger::first_undone(Position from) const {
  from = std::max(from, front_);
  const auto range = done_.find(from);
  return range ? range->end : from;
}

std::uint64_t Ledger::undone_bytes(ByteRange range) const {
  range = intersection(range, {front_, std::max(front_, range.end)});
  auto bytes = range.size();
  for (auto done = done_.next(range.begin); done && done->begin < range.end;
       done = done_.next(done->end)) {
    bytes -= intersection(*done, range).size();
  }
  return bytes;
}

bool Ledger::must_pause() const {
  return (reclaim_.unfreed_bytes() > limits_.unfreed_bytes_max && !no_room_) ||
         done_.size() > 2 * limits_.ranges_max;
}

bool Ledger::has_work(TimePoint now) const {
  return front_ > checkpoint_.front() || now >= due() || done_.size() > limits_.ranges_max ||
         (collapse_waits_ && all_read_) ||
         (reclaim_.unfreed_bytes() >= free_from_bytes_ && !punch_failed_);
}

std::vector<Ledger::Trouble> Ledger::settle(TimePoint now, Worth worth) {
  Troubles troubles;
  store_front(now, troubles);
  free_timely(now, worth, troubles);
  const bool may_free = !no_room_ || now >= free_due_;
  if (done_.size() > limits_.ranges_max && may_free) forget_ranges(now, troubles);
  free_by_reserve(now, worth, troubles);
  if (now >= reserve_due_) take_reserve(now);
  if (now >= sync_due_) sync(now, troubles);
  if (now >= collapse_due_ || (collapse_waits_ && all_read_)) collapse(now, troubles);
  return troubles;
}

// Large ranges at once, others after a while if they are worth it.
void Ledger::free_timely(TimePoint now, Worth worth, Troubles& troubles) {
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

// A range of two blocks has a whole one in it.
std::uint64_t Ledger::least_bytes(Worth worth) const {
  if (worth == Worth::all) return 1;
  if (worth == Worth::large) return limits_.free_bytes_min;
  return std::min(limits_.free_bytes_min, 2 * limits_.block_bytes);
}

// A front that cannot be stored stays in memory: freeing goes on by the in-band rule above the
// stored one, and storing is tried again each second.
void Ledger::store_front(TimePoint now, Troubles& troubles) {
  const bool may_store = store_due_ == TimePoint::max() || now >= store_due_;
  if (front_ > checkpoint_.front() && may_store) {
    collapse_due_ = std::min(collapse_due_, now + limits_.collapse_delay);
    if (!checkpoint_.move_front(front_)) store_due_ = now;  // with all else that is to be stored
  }
  if (now < store_due_) return;
  const auto stored = checkpoint_.store();
  store_due_ = stored ? TimePoint::max() : now + limits_.retry_delay;
  if (!stored) {
    troubles.push_back(Trouble::of(stored.error()));
  }
  if (stored && !freed_noted_) note_freed_first();
}

void Ledger::free_blocks(TimePoint now, Reclaim::Least least, std::size_t punches_max,
                         Troubles& troubles) {
  const Reclaim::View view{checkpoint_.stored_front(), front_,
                           &done_,                     free_from(),
                           is_written_below(),         must_hold_strays()};
  const auto punches = reclaim_.plan(view, least, punches_max);
  punch_all(punches, now, troubles);
  free_from_bytes_ = reclaim_.unfreed_bytes() + limits_.free_bytes_min;
  if (!punch_failed_ && punches.size() >= punches_max) free_due_ = std::min(free_due_, now);
  if (view.hold_strays) note_strays(now);
  const bool held = view.free_from > 0 || view.hold_below || view.hold_strays;
  if (held) free_due_ = std::min(free_due_, now + limits_.retry_delay);
  if (!punches.empty()) note_growth(now);
}

// A full btrfs refuses unaligned edges, which it would have to copy; at the limit of a quota all.
void Ledger::punch_all(const std::vector<Reclaim::Punch>& punches, TimePoint now,
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
    if (punched.error().kind() == ErrorKind::no_space && ++refused == tried)
      no_room_ = punched.error();
    if (!each.in_band || refused == kRefusalsPerPlan) break;
  }
  if (refused < tried) no_room_.reset();
}

bool Ledger::is_worth_reserve(Worth worth) const {
  const bool at_end = worth == Worth::all && all_read_ && done_.empty();
  return reclaim_.unfreed_bytes() >= (at_end ? kWorthAtEndBytes : limits_.reserve_worth_bytes);
}

// At once, since whoever appends wants the same room.
void Ledger::free_by_reserve(TimePoint now, Worth worth, Troubles& troubles) {
  is_stuck_ = false;
  if (!no_room_ || !is_worth_reserve(worth)) return;
  if (has_reserve_) reserve_due_ = now;
  if (std::exchange(has_reserve_, false) && reserve_->give_up()) {
    std::erase_if(troubles, [](const auto& trouble) { return trouble.is_no_space; });
    store_due_ = now;
    store_front(now, troubles);
    free_blocks(now, {}, limits_.punches_per_turn_max, troubles);
  }
  is_stuck_ = no_room_.has_value();
}

void Ledger::take_reserve(TimePoint now) {
  has_reserve_ = reserve_->take().ok();
  reserve_due_ = has_reserve_ ? TimePoint::max() : now + limits_.reserve_delay;
}

// Where the file ended when a collapse was noted may be inside of a record, of which one half must
// not be freed without the other. And as long as the state does not say that this is a buffer of
// frames, its first frames do: whoever finds only what comes after them, torn perhaps, would take
// it for lines.
Position Ledger::free_from() const {
  const bool shows = space_.format() == Format::frames && !checkpoint_.format_stored();
  const auto noted = checkpoint_.free_from();
  return std::max(noted > 0 ? std::max(noted, kept_until_) : 0, shows ? format_shown_until_ : 0);
}

Status Ledger::punch(const Reclaim::Punch& punch, Troubles& troubles) {
  if (punch.in_band && !punch.stray && is_crossed_at(punch.settled)) {
    is_crossed_ = true;
    return Error(ErrorKind::busy, 0, space_.path() + ": written across");
  }
  if (punch.stray && was_written_since(punch.settled)) {
    free_due_ = TimePoint::min();  // the rest of it, by another plan
    return {};
  }
  const auto freed = space_.punch(punch.range);
  if (freed) {
    freed_bytes_ += reclaim_.freed(punch);
    if (punch.stray) forget_given_back(punch.settled);
    return freed;
  }
  const bool no_space = freed.error().kind() == ErrorKind::no_space;
  if (!no_space || !punch.in_band) troubles.push_back(Trouble::of(freed.error()));
  if (freed.error().kind() == ErrorKind::io) checkpoint_.distrust();
  return freed;
}

// The lowest ranges go first, each only once the file itself says that it is done.
void Ledger::forget_ranges(TimePoint now, Troubles& troubles) {
  free_blocks(now, {}, done_.size() + 1, troubles);
  std::vector<ByteRange> remembered;  // by the file itself
  for (const auto& [begin, end] : done_) {
    if (remembered.size() == limits_.ranges_max / 4 + 1) break;
    if (reclaim_.is_freed({begin, end})) remembered.push_back({begin, end});
  }
  for (const auto& range : remembered)
    done_.erase(range);
}

void Ledger::sync(TimePoint now, Troubles& troubles) {
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

// Not where the kernel has said that it cannot: the logical size grows on there.
void Ledger::collapse(TimePoint now, Troubles& troubles) {
  collapse_due_ = TimePoint::max();
  if (limits_.collapse.unit_bytes == 0 ||
      checkpoint_.stored_front() - space_.base() < limits_.collapse.bytes_min) {
    return;
  }
  // Who writes into room would go on elsewhere. The front moves on, and with it this is due again.
  if (room_to_ > front_) return;
  collapse_waits_ = !all_read_;
  if (collapse_waits_) return;
  if (!is_clean_below()) {  // what was written there would be zeroed
    collapse_due_ = now + limits_.collapse_delay;
    return;
  }
  const auto cut = checkpoint_.collapse(limits_.collapse);
  if (cut) {
    if (*cut == 0) return;
    kept_.forget();  // a part of it was zeroed
    freed_bytes_ += reclaim_.cut_off(space_.base());
    forget_given_back({0, space_.base()});
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

std::vector<Ledger::Trouble> Ledger::finish(TimePoint now) {
  Troubles troubles;
  store_front(now, troubles);
  free_blocks(now, {}, done_.size() + 2, troubles);
  free_by_reserve(now, Worth::all, troubles);
  if (now >= reserve_due_) take_reserve(now);
  remember_kept();
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
