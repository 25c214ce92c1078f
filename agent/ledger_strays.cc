// The part of Ledger that watches what is done for those who write there all the same.

#include <algorithm>
#include <utility>

#include "agent/ledger.h"
#include "buffer/lines.h"

namespace punchline {
namespace {

constexpr int kSegmentsMax = 1000;
constexpr std::size_t kHolesPerLook = 256;

/// Where the data begin that end at `front`: what an earlier run has left, where it has not said so.
Position last_data_before(BufferFile& file, Position base, Position front) {
  std::uint64_t at = 0;
  for (int segment = 0; segment < kSegmentsMax; ++segment) {
    const auto data = file.next_data(at);
    if (!data) break;
    if (!*data || base + **data >= front) return front;
    const auto hole = file.next_hole(**data);
    if (!hole) break;
    if (base + *hole >= front) return base + **data;
    at = *hole;
  }
  return base;
}

}  // namespace

// What an earlier run left unfreed counts as old, all below it as clean.
void Ledger::begin_below(Position front) {
  const auto base = checkpoint_.base();
  const auto& freed = checkpoint_.freed();
  const auto to = freed ? std::max(freed->to, base) : last_data_before(file_, base, front);
  reclaim_ = Reclaim(limits_.block_bytes, to, checkpoint_.format());
  reclaim_.add({to, front});
  if (freed && freed->kept_checksum != 0 && freed->to >= base) {
    kept_.expect({to, front}, freed->kept_checksum);
  }
}

Result<std::vector<Stray>> Ledger::find_strays(std::size_t found_max) {
  std::vector<Stray> found;
  const auto base = checkpoint_.base();
  is_crossed_ = is_crossed_at(front_);
  const ByteRange below{std::clamp(looked_below_, base, front_), front_};
  const auto looked = add_strays(below, found_max, found);
  if (!looked) return looked.error();
  looked_below_ = *looked < front_ ? *looked : 0;
  if (found.size() < found_max) {
    if (const auto kept = add_overwritten(found); !kept) return kept.error();
  }
  auto hole = done_.next(looked_above_);
  for (std::size_t holes = 0; hole && holes < kHolesPerLook && found.size() < found_max; ++holes) {
    const auto before = found.size();
    if (const auto above = add_strays(*hole, found_max, found); !above) return above.error();
    if (found.size() > before) is_crossed_ = is_crossed_ || is_crossed_at(*hole);
    looked_above_ = hole->end;
    hole = done_.next(hole->end);
  }
  if (!hole) looked_above_ = 0;
  for (const auto& stray : found)
    leave_unfreed(stray.range);
  return found;
}

// From the moment it is found, whoever takes it when.
void Ledger::leave_unfreed(ByteRange range) {
  if (range.end > reclaim_.freed_to()) reclaim_.leave(range);
}

bool Ledger::is_crossed_at(Position at) {
  const auto begins = checkpoint_.may_begin_at(at);
  return begins && !*begins;
}

// Returns up to where it has looked.
Result<Position> Ledger::add_strays(ByteRange range, std::size_t found_max,
                                    std::vector<Stray>& found) {
  return search_.find(
      {checkpoint_.base(), range, reclaim_.unfreed(), strays_, checkpoint_.format()}, found_max,
      found);
}

// What a stray that ends at `end` goes on into. A frame has NULs in it, of which those at the end of
// what is clean are not seen as a part of it.
std::optional<ByteRange> Ledger::first_unfreed_behind(Position end) const {
  const auto& unfreed = reclaim_.unfreed();
  if (checkpoint_.format() != Format::frames) return unfreed.find(end);
  const auto next = unfreed.next(end);
  return next && next->begin < end + kGapBytesMin ? next : std::nullopt;
}

// The writer may have gone on into what is not freed yet. Where no copy tells how far, all of that
// counts, and what follows it.
Status Ledger::add_overwritten(std::vector<Stray>& found) {
  forget_freed();
  const auto changed = kept_.overwritten(file_, checkpoint_.base(), checkpoint_.format());
  if (!changed) return changed.error();
  std::vector<Stray> all;
  Position unsure_to = 0;  // up to here it may be either's
  for (const auto& stray : found) {
    const bool goes_on = !all.empty() && all.back().range.end == stray.range.begin;
    if (goes_on && unsure_to == stray.range.begin) {
      all.back() = {{all.back().range.begin, stray.range.end}, stray.ended};
    } else {
      all.push_back(stray);
    }
    const auto unfreed = first_unfreed_behind(stray.range.end);
    if (!unfreed || stray.range.end >= front_ || kept_.range().contains(unfreed->begin)) continue;
    unsure_to = std::min(unfreed->end, front_);
    add_unsure({stray.range.end, unsure_to}, all);
  }
  for (const auto& range : *changed) {
    const bool goes_on = !all.empty() && !all.back().ended && reaches(all.back().range.end, range);
    if (!goes_on) all.push_back({range, true});
    all.back() = {{all.back().range.begin, range.end}, true};
  }
  // Behind the end of the copy as well, where the front has moved on since it was made.
  const auto kept_end = kept_.range().end;
  const auto unsure = changed->empty() ? std::nullopt : reclaim_.unfreed().find(kept_end);
  if (unsure && changed->back().end == kept_end && kept_end < front_) {
    all.back().ended = checkpoint_.format() == Format::lines && ends_a_line(kept_end);
    add_unsure({kept_end, std::min(unsure->end, front_)}, all);
  }
  found = std::move(all);
  remember_kept();
  return {};
}

// A frame may come into what is kept with bytes that stood there before.
bool Ledger::reaches(Position end, ByteRange changed) const {
  if (checkpoint_.format() != Format::frames) return end == changed.begin;
  return end + kGapBytesMin > kept_.range().begin;
}

// Goes on in the last of `all` up to the first piece, unless that has been ended.
void Ledger::add_unsure(ByteRange range, std::vector<Stray>& all) {
  for (auto at = range.begin; at < range.end; at += StraySearch::kPieceBytes) {
    const ByteRange piece{at, std::min(at + StraySearch::kPieceBytes, range.end)};
    if (at > range.begin || all.empty() || all.back().ended) all.push_back({piece, true});
    all.back() = {{all.back().range.begin, piece.end}, true};
  }
}

// What comes there now is found as in all that is clean.
void Ledger::forget_freed() {
  const auto end = kept_.range().end;
  if (end == 0) return;
  const auto unfreed = reclaim_.unfreed().find(end - 1);
  kept_.forget_below(unfreed ? unfreed->begin : end);
}

void Ledger::remember_kept() {
  kept_front_ = front_;
  const auto unfreed = front_ == 0 ? std::nullopt : reclaim_.unfreed().find(front_ - 1);
  if (!unfreed) return kept_.forget();
  const auto kept = intersection(*unfreed, {unfreed->begin, front_});
  if (kept == kept_.range() || kept.size() > KeptBytes::kBytesMax) return;
  if (!kept_.remember(file_, checkpoint_.base(), kept)) kept_.forget();
}

void Ledger::note_stray(ByteRange range) {
  strays_.insert(range);
  unsettled_strays_.insert(range);
  leave_unfreed(range);
}

// From the newline before the stored front on it is as by F2: the NULs must not run into what a
// start reads.
void Ledger::settle_stray(ByteRange range, TimePoint now) {
  const bool may_be_read = range.end >= checkpoint_.stored_front();
  if (may_be_read && checkpoint_.format() == Format::lines && ends_a_line(range.end)) {
    const ByteRange newline{range.end - 1, range.end};
    strays_.erase(newline);
    unsettled_strays_.erase(newline);
    --range.end;
  }
  unsettled_strays_.erase(range);
  reclaim_.give_back(range);
  free_due_ = std::min(free_due_, now);
}

bool Ledger::ends_a_line(Position end) {
  char last = 0;
  const auto read = file_.read_at(end - 1 - checkpoint_.base(), {&last, 1});
  return read && *read == 1 && last == '\n';
}

// Who writes below the front from offset 0 on passes the last block that is clean before he comes to
// what is not freed yet. Room may lie between that and what was freed.
bool Ledger::is_written_below() {
  const auto unfreed = reclaim_.unfreed().next(reclaim_.freed_to());
  const auto to = std::min(unfreed ? std::max(unfreed->begin, reclaim_.freed_to()) : 0, front_);
  const auto base = checkpoint_.base();
  if (to <= base) return false;
  std::vector<Stray> found;
  const auto looked = add_strays({to - std::min(limits_.block_bytes, to - base), to}, 1, found);
  return !looked || !found.empty();
}

// As far as a look can tell: none is there that has not been found before.
bool Ledger::is_clean_below() {
  const auto base = checkpoint_.base();
  std::vector<Stray> found;
  const auto looked = add_strays({base, front_}, 1, found);
  if (!looked || *looked < front_ || !found.empty()) return false;
  auto kept = kept_;  // each change is told once, to find_strays()
  const auto changed = kept.overwritten(file_, base, checkpoint_.format());
  return changed && changed->empty();
}

// Where one that is not kept elsewhere yet lies beyond what a start takes for clean, a start would
// free it as done: it must find those before it in their place, or know better.
bool Ledger::must_hold_strays() const {
  if (!reclaim_.has_given_back() || !checkpoint_.attributes_supported()) return false;
  const auto& freed = checkpoint_.freed();
  const auto beyond = unsettled_strays_.next(freed ? freed->to : 0);
  return beyond && beyond->begin < front_;
}

void Ledger::note_strays(TimePoint now) {
  if (now < note_due_) return;
  note_due_ = now + limits_.retry_delay;
  sync_due_ = std::min(sync_due_, now);
}

Position Ledger::clean_to() const {
  return std::min(reclaim_.clean_to(), front_);
}

// Before anything is freed: who is killed before the first sync leaves holes above what was clean,
// and what is done between them must not be taken for strays.
void Ledger::note_freed_first() {
  freed_noted_ = true;
  if (!checkpoint_.freed()) checkpoint_.note_freed(clean_to(), 0);
}

void Ledger::note_freed(Position clean) {
  if (front_ != checkpoint_.front()) return;
  // More than that will be freed yet.
  const auto kept_max = std::max(limits_.block_bytes, kGapBytesMin);
  const bool known =
      kept_.range() == ByteRange{clean, front_} && kept_.range().size() <= kept_max;
  checkpoint_.note_freed(clean, known ? kept_.checksum() : 0);
}

}  // namespace punchline
