// The part of Ledger that watches what is done for those who write there all the same.

#include <algorithm>
#include <array>
#include <iterator>
#include <utility>

#include "agent/core/ledger.h"
#include "buffer/crc32c.h"
#include "buffer/lines.h"

namespace punchline {
namespace {

constexpr int kSegmentsMax = 1000;
constexpr std::size_t kHolesPerLook = 256;

/// Where the data begin that end at `front`: what an earlier run has left, where it has not said so.
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

// What an earlier run left unfreed counts as old, all below it as clean.
void Ledger::begin_below(Position front) {
  const auto base = space_.base();
  const auto& freed = checkpoint_.freed();
  const auto to = freed ? std::clamp(freed->to, base, front) : last_data_before(space_, front);
  reclaim_ = Reclaim(limits_.block_bytes, to, space_.format());
  reclaim_.add({to, front});
  if (freed && freed->kept_checksum != 0 && freed->to >= base) {
    kept_.expect({to, front}, freed->kept_checksum);
  }
}

Result<std::vector<Stray>> Ledger::find_strays(std::size_t found_max) {
  std::vector<Stray> found;
  is_crossed_ = is_crossed_at(front_);
  if (const auto below = find_below(found_max, found); !below) return below.error();
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

// What its writer has gone on into is found as in what is clean, once it is not to be freed any
// more. Frames of it are looked at soon: it grows with the front for as long as it waits.
Status Ledger::find_below(std::size_t found_max, std::vector<Stray>& found) {
  ByteRange below{std::clamp(looked_below_, space_.base(), front_), front_};
  IntervalSet left;
  for (bool has_left = true; has_left;) {
    const auto left_before = left.bytes();
    found.clear();
    const auto looked = add_strays(below, found_max, found);
    if (!looked) return looked.error();
    looked_below_ = *looked < front_ ? *looked : 0;
    if (const auto kept = leave_overwritten(left); !kept) return kept.error();
    leave_reached(found, left);
    has_left = left.bytes() > left_before;
    if (const auto first = left.first()) below.begin = std::min(below.begin, first->begin);
  }
  for (auto& stray : found) {
    const auto next = left.next(stray.range.begin);
    const bool goes_on = next && next->begin < stray.range.end;
    stray.ended = stray.ended || (goes_on && space_.format() == Format::frames);
  }
  remember_kept();
  return {};
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
  return search_.find({range, reclaim_.unfreed(), strays_}, found_max, found);
}

// What a stray that ends at `end` may go on into. A frame has NULs in it, of which those at the end
// of what is clean are not seen as a part of it.
std::optional<ByteRange> Ledger::first_unfreed_behind(Position end) const {
  const auto& unfreed = reclaim_.unfreed();
  if (space_.format() != Format::frames) return unfreed.find(end);
  const auto next = unfreed.next(end);
  const auto known = strays_.next(end);
  const bool is_near = next && next->begin < end + kGapBytesMin;
  return is_near && !(known && known->begin < next->begin) ? next : std::nullopt;
}

// Where no copy tells how far a stray has gone on, all of that may be its.
void Ledger::leave_reached(const std::vector<Stray>& found, IntervalSet& left) {
  for (const auto& stray : found) {
    const auto unfreed = first_unfreed_behind(stray.range.end);
    if (!unfreed || unfreed->begin >= front_ || kept_.range().contains(unfreed->begin)) continue;
    const ByteRange reached{unfreed->begin, std::min(unfreed->end, front_)};
    leave_unfreed(reached);
    left.insert(reached);
  }
}

// From the first change of what is kept to the last.
Status Ledger::leave_overwritten(IntervalSet& left) {
  const auto changed = kept_.overwritten(space_);
  if (!changed) return changed.error();
  if (changed->empty()) return {};
  const auto all = cover(changed->front(), changed->back());
  leave_unfreed(all);
  left.insert(all);
  return {};
}

void Ledger::remember_kept() {
  kept_front_ = front_;
  const auto unfreed = front_ == 0 ? std::nullopt : reclaim_.unfreed().find(front_ - 1);
  if (!unfreed) return kept_.forget();
  const auto kept = intersection(*unfreed, {unfreed->begin, front_});
  if (kept == kept_.range() || kept.size() > KeptBytes::kBytesMax) return;
  if (!kept_.remember(space_, kept)) kept_.forget();
}

void Ledger::note_stray(ByteRange range) {
  strays_.insert(range);
  unsettled_strays_.insert(range);
  leave_unfreed(range);
}

// From the newline before the stored front on it is as by F2: the NULs must not run into what a
// start reads.
void Ledger::settle_stray(ByteRange range, std::uint32_t checksum, TimePoint now) {
  given_back_[range.begin] = {range, checksum};
  const bool may_be_read = range.end >= checkpoint_.stored_front();
  if (may_be_read && space_.format() == Format::lines && ends_a_line(range.end)) {
    const ByteRange newline{range.end - 1, range.end};
    strays_.erase(newline);
    unsettled_strays_.erase(newline);
    range.end -= 1;
  }
  unsettled_strays_.erase(range);
  reclaim_.give_back(range);
  free_due_ = std::min(free_due_, now);
}

// Its writer may have begun at offset 0 once more while it waited to be zeroed.
bool Ledger::was_written_since(ByteRange given_back) {
  bool was_written = false;
  auto at = given_back_.lower_bound(given_back.begin);
  while (at != given_back_.end() && at->first < given_back.end) {
    const auto [range, checksum] = at->second;
    const bool is_same = checksum_of(range) == checksum;
    at = is_same ? std::next(at) : given_back_.erase(at);
    if (is_same) continue;
    was_written = true;
    reclaim_.take_back(range);
    forget_stray(range);
  }
  return was_written;
}

void Ledger::forget_given_back(ByteRange range) {
  strays_.erase(range);
  given_back_.erase(given_back_.lower_bound(range.begin), given_back_.lower_bound(range.end));
}

std::optional<std::uint32_t> Ledger::checksum_of(ByteRange range) const {
  std::array<char, 64 * 1024> memory;
  std::uint32_t sum = 0;
  for (auto at = range.begin; at < range.end;) {
    const auto wanted = std::min<std::uint64_t>(memory.size(), range.end - at);
    const auto read = space_.read_at(at, {memory.data(), wanted});
    if (!read || *read == 0) return std::nullopt;
    sum = crc32c({memory.data(), *read}, sum);
    at += *read;
  }
  return sum;
}

bool Ledger::ends_a_line(Position end) {
  char last = 0;
  const auto read = space_.read_at(end - 1, {&last, 1});
  return read && *read == 1 && last == '\n';
}

// Who writes below the front from offset 0 on passes the last block that is clean before he comes to
// what is not freed yet. Room may lie between that and what was freed.
bool Ledger::is_written_below() {
  const auto unfreed = reclaim_.unfreed().next(reclaim_.freed_to());
  const auto to = std::min(unfreed ? std::max(unfreed->begin, reclaim_.freed_to()) : 0, front_);
  const auto base = space_.base();
  if (to <= base) return false;
  std::vector<Stray> found;
  const auto looked = add_strays({to - std::min(limits_.block_bytes, to - base), to}, 1, found);
  return !looked || !found.empty();
}

// As far as a look can tell: none is there that has not been found before.
bool Ledger::is_clean_below() {
  std::vector<Stray> found;
  const auto looked = add_strays({space_.base(), front_}, 1, found);
  if (!looked || *looked < front_ || !found.empty()) return false;
  auto kept = kept_;  // each change is told once, to find_strays()
  const auto changed = kept.overwritten(space_);
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
