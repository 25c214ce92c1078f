#include "agent/core/known_strays.h"

#include <algorithm>
#include <array>
#include <iterator>
#include <utility>

#include "buffer/base/rarely.h"
#include "buffer/crc32c.h"
#include "buffer/lines.h"

namespace punchline {
namespace {

constexpr std::size_t kHolesPerLook = 256;

}  // namespace

KnownStrays::KnownStrays(Checkpoint& checkpoint, const Ledger& ledger, Reclaim& reclaim,
                         std::uint64_t block_bytes)
    : checkpoint_(checkpoint),
      space_(checkpoint.space()),
      ledger_(ledger),
      reclaim_(reclaim),
      block_bytes_(block_bytes),
      search_(space_) {}

void KnownStrays::collapsed() {
  kept_.forget();
  freed({0, space_.base()});
}

bool KnownStrays::crosses(ByteRange done) {
  const bool is_crossed = is_crossed_at(done);
  is_crossed_ = is_crossed_ || is_crossed;
  RARELY(is_crossed, "B5: a line goes across a range that is done");
  return is_crossed;
}

Result<std::vector<Stray>> KnownStrays::find(std::size_t found_max) {
  std::vector<Stray> found;
  is_crossed_ = is_crossed_at(ledger_.front());
  if (const auto below = find_below(found_max, found); !below) return below.error();
  auto hole = ledger_.above().next(looked_above_);
  for (std::size_t holes = 0; hole && holes < kHolesPerLook && found.size() < found_max; ++holes) {
    const auto before = found.size();
    if (const auto above = add(*hole, found_max, found); !above) return above.error();
    if (found.size() > before) is_crossed_ = is_crossed_ || is_crossed_at(*hole);
    looked_above_ = hole->end;
    hole = ledger_.above().next(hole->end);
  }
  if (!hole) looked_above_ = 0;
  for (const auto& stray : found)
    leave_unfreed(stray.range);
  return found;
}

// A writer may have gone on from clean bytes into bytes that are done and not freed yet (B2, B3).
// Those are then not to be freed any more, and so are searched like clean ones, until no more of
// them are reached. In frames such a stray counts as ended, so that it is looked at soon: it grows
// with the front for as long as it waits.
Status KnownStrays::find_below(std::size_t found_max, std::vector<Stray>& found) {
  ByteRange below{std::clamp(looked_below_, space_.base(), ledger_.front()), ledger_.front()};
  const bool from_base = below.begin == space_.base();
  IntervalSet left;
  for (bool has_left = true; has_left;) {
    const auto left_before = left.bytes();
    found.clear();
    const auto looked = add(below, found_max, found);
    if (!looked) return looked.error();
    looked_below_ = *looked < ledger_.front() ? *looked : 0;
    if (const auto kept = leave_overwritten(left); !kept) return kept.error();
    leave_reached(found, left);
    has_left = left.bytes() > left_before;
    RARELY(has_left, "B2, B3: a writer went on from clean bytes into bytes that are done");
    if (const auto first = left.first()) below.begin = std::min(below.begin, first->begin);
  }
  for (auto& stray : found) {
    const auto next = left.next(stray.range.begin);
    const bool goes_on = next && next->begin < stray.range.end;
    stray.ended = stray.ended || (goes_on && space_.format() == Format::frames);
  }
  // Strays that were not looked for may have gone on into the bytes that are to be remembered.
  if (from_base && looked_below_ == 0) remember_kept();
  return {};
}

// Holds from the moment a stray is found, no matter who takes it when.
void KnownStrays::leave_unfreed(ByteRange range) {
  if (range.end > reclaim_.freed_to()) reclaim_.leave(range);
}

bool KnownStrays::is_crossed_at(Position at) {
  const auto begins = checkpoint_.space().may_begin_at(at);
  return begins && !*begins;
}

// Returns how far it has looked.
Result<Position> KnownStrays::add(ByteRange range, std::size_t found_max,
                                    std::vector<Stray>& found) {
  return search_.find({range, reclaim_.unfreed(), strays_}, found_max, found);
}

// The unfreed bytes that a stray which ends at `end` may go on into; empty if there are none.
// Strays in between that are known are passed over, since a writer that begins at offset 0 once
// more writes over them. In frames a few NULs are passed over, too: a frame may hold NULs, and
// those at the end of clean bytes are not seen as a part of it.
std::optional<ByteRange> KnownStrays::first_unfreed_behind(Position end) const {
  const auto nuls_max = space_.format() == Format::frames ? kGapBytesMin - 1 : 0;
  for (;;) {
    const auto unfreed = reclaim_.unfreed().next(end);
    const auto known = strays_.next(end);
    const bool is_known = known && !(unfreed && unfreed->begin <= known->begin);
    const auto& next = is_known ? known : unfreed;
    if (!next || next->begin > end + nuls_max) return std::nullopt;
    if (!is_known) return unfreed;
    end = known->end;
  }
}

// B3. If no copy tells how far a stray has gone on, all of the bytes that it has reached may belong
// to it.
void KnownStrays::leave_reached(const std::vector<Stray>& found, IntervalSet& left) {
  for (const auto& stray : found) {
    const auto unfreed = first_unfreed_behind(stray.range.end);
    if (!unfreed || unfreed->begin >= ledger_.front()) continue;
    if (kept_.range().contains(unfreed->begin)) continue;
    const ByteRange reached{unfreed->begin, std::min(unfreed->end, ledger_.front())};
    leave_unfreed(reached);
    left.insert(reached);
  }
}

// B2. From the first change of the kept bytes to the last.
Status KnownStrays::leave_overwritten(IntervalSet& left) {
  const auto changed = kept_.overwritten(space_);
  if (!changed) return changed.error();
  if (changed->empty()) return {};
  RARELY(true, "B2: bytes that are kept below the front were written over");
  const auto all = cover(changed->front(), changed->back());
  leave_unfreed(all);
  left.insert(all);
  return {};
}

void KnownStrays::remember_kept() {
  const auto front = kept_front_ = ledger_.front();
  const auto unfreed = front == 0 ? std::nullopt : reclaim_.unfreed().find(front - 1);
  if (!unfreed) return kept_.forget();
  const auto kept = intersection(*unfreed, {unfreed->begin, front});
  if (kept == kept_.range() || kept.size() > KeptBytes::kBytesMax) return;
  if (!kept_.remember(space_, kept)) kept_.forget();
}

void KnownStrays::note(ByteRange range) {
  strays_.insert(range);
  unsettled_.insert(range);
  leave_unfreed(range);
}

void KnownStrays::forget(ByteRange range) {
  strays_.erase(range);
  unsettled_.erase(range);
}

// A stray that ends at the stored front or above keeps its newline, as by F2 (B7): the NULs must
// not run into what a start reads.
void KnownStrays::settle(ByteRange range, std::uint32_t checksum) {
  settled_[range.begin] = {range, checksum};
  const bool may_be_read = range.end >= checkpoint_.stored_front();
  if (may_be_read && space_.format() == Format::lines && ends_a_line(range.end)) {
    const ByteRange newline{range.end - 1, range.end};
    strays_.erase(newline);
    unsettled_.erase(newline);
    range.end -= 1;
  }
  unsettled_.erase(range);
  reclaim_.give_back(range);
}

// The writer may have begun at offset 0 once more while its text waited to be zeroed.
bool KnownStrays::was_written_since(ByteRange given_back) {
  bool was_written = false;
  auto at = settled_.lower_bound(given_back.begin);
  while (at != settled_.end() && at->first < given_back.end) {
    const auto [range, checksum] = at->second;
    const bool is_same = checksum_of(range) == checksum;
    at = is_same ? std::next(at) : settled_.erase(at);
    if (is_same) continue;
    RARELY(true, "a stray that waited to be zeroed was written over");
    was_written = true;
    reclaim_.take_back(range);
    forget(range);
  }
  return was_written;
}

void KnownStrays::freed(ByteRange range) {
  strays_.erase(range);
  settled_.erase(settled_.lower_bound(range.begin), settled_.lower_bound(range.end));
}

std::optional<std::uint32_t> KnownStrays::checksum_of(ByteRange range) const {
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

bool KnownStrays::ends_a_line(Position end) {
  char last = 0;
  const auto read = space_.read_at(end - 1, {&last, 1});
  return read && *read == 1 && last == '\n';
}

// B4. A producer that writes from offset 0 on passes the last clean block before it comes to bytes
// that are not freed yet. Room may lie between those bytes and what was freed.
bool KnownStrays::is_written_below() {
  const auto unfreed = reclaim_.unfreed().next(reclaim_.freed_to());
  const auto begin = unfreed ? std::max(unfreed->begin, reclaim_.freed_to()) : 0;
  const auto to = std::min(begin, ledger_.front());
  const auto base = space_.base();
  if (to <= base) return false;
  std::vector<Stray> found;
  const auto looked = add({to - std::min(block_bytes_, to - base), to}, 1, found);
  return !looked || !found.empty();
}

// True if there is no stray that has not been found before, as far as a look can tell.
bool KnownStrays::is_clean_below() {
  std::vector<Stray> found;
  const auto front = ledger_.front();
  const auto looked = add({space_.base(), front}, 1, found);
  if (!looked || *looked < front || !found.empty()) return false;
  auto kept = kept_;  // each change is told once, to find()
  const auto changed = kept.overwritten(space_);
  return changed && changed->empty();
}

// B8. If a stray that is not kept elsewhere yet lies beyond what is noted as clean, a start would
// free it as done. So a start must find the strays before it in their place, unless more is noted
// as clean.
bool KnownStrays::must_hold() const {
  if (!reclaim_.has_given_back() || !checkpoint_.attributes_supported()) return false;
  const auto& freed = checkpoint_.freed();
  const auto beyond = unsettled_.next(freed ? freed->to : 0);
  return beyond && beyond->begin < ledger_.front();
}

// 0 (not known) if more than a block is kept: some of that will still be freed.
std::uint32_t KnownStrays::kept_checksum(Position clean) const {
  const ByteRange kept{clean, ledger_.front()};
  const bool is_known =
      kept_.range() == kept && kept.size() <= std::max(block_bytes_, kGapBytesMin);
  return is_known ? kept_.checksum() : 0;
}

}  // namespace punchline
