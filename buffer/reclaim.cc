#include "buffer/reclaim.h"

#include <algorithm>
#include <limits>

#include "buffer/lines.h"

namespace punchline {
namespace {

bool is_done(const Reclaim::View& view, Position at) {
  return at < view.front || view.done->find(at).has_value();
}

}  // namespace

// First strays that are to be zeroed, then what F1 frees below the stored front, then what F2 frees
// above it.
std::vector<Reclaim::Punch> Reclaim::plan(const View& view, Least least,
                                          std::size_t punches_max) const {
  std::vector<Punch> punches;
  for (const auto& [begin, end] : given_back_) {
    if (view.free_from > 0 || view.hold_strays || punches.size() == punches_max) break;
    punches.push_back({{begin, end}, {begin, end}, true, true});
  }
  if (view.free_from == 0 && !view.hold_below) {
    const auto freed = below(view, std::max({least.below_bytes, block_bytes_, kGapBytesMin}));
    punches.insert(punches.end(), freed.begin(), freed.end());
  }
  const auto from = std::max(view.stored_front, view.free_from);
  auto range = unfreed_.next(from);
  while (range && punches.size() < punches_max) {
    const auto settled = intersection(*range, {from, range->end});
    const auto above = in_band(view, settled, from);
    if (above.begin < above.end && above.size() >= least.above_bytes) {
      punches.push_back({above, settled, true});
    }
    range = unfreed_.next(range->end);
  }
  return punches;
}

// F1. A stretch before room is freed to the byte, in lines without the newline that closes it.
// After the last room whole blocks are freed, and with them what comes before the first of them.
std::vector<Reclaim::Punch> Reclaim::below(const View& view, std::uint64_t bytes_min) const {
  std::vector<Punch> punches;
  const auto end = closed_end(view.stored_front);
  auto from = freed_to_;
  while (from < end) {
    const auto room = rooms_.next(from);
    if (!room || room->begin >= end) break;
    ByteRange before{from, std::max(from, room->begin)};
    if (format_ == Format::lines) before.end -= before.empty() ? 0 : 1;
    if (!before.empty()) punches.push_back({before, {0, room->begin}, false});
    from = std::min(room->end, end);
  }
  auto rest = whole_blocks({from, end}, block_bytes_);
  rest.begin = std::min(from, rest.end);
  if (rest.begin < rest.end && rest.size() >= bytes_min) {
    punches.push_back({rest, {0, rest.end}, false});
  }
  return punches;
}

// In lines the newline before the front stays. After a boot the front may go back, and NULs of
// freed bytes must not run into the first record that waits.
Position Reclaim::closed_end(Position front) const {
  return format_ == Format::frames || front <= freed_to_ ? front : front - 1;
}

// F2. The newline before the range is freed with it, unless the range begins at `from`: that
// newline belongs to bytes that are not freed now, and closes them.
ByteRange Reclaim::in_band(const View& view, ByteRange range, Position from) const {
  if (format_ == Format::frames) return range;
  if (range.begin > from && is_done(view, range.begin - 1)) range.begin -= 1;
  range.end -= 1;
  return range;
}

Position Reclaim::clean_to() const {
  const auto unfreed = unfreed_.first();
  const auto begin = unfreed ? unfreed->begin : kPositionMax;
  return rooms_.empty() ? std::min(begin, freed_to_) : begin;
}

std::uint64_t Reclaim::freed(const Punch& punch) {
  const auto before = unfreed_.bytes();
  unfreed_.erase(punch.settled);
  given_back_.erase(punch.settled);
  if (!punch.in_band) freed_to_ = std::max(freed_to_, punch.settled.end);
  rooms_.erase_below(freed_to_);
  return before - unfreed_.bytes();
}

std::uint64_t Reclaim::cut_off(Position base) {
  return freed({{}, {0, base}, false});
}

bool Reclaim::is_freed(ByteRange range) const {
  const auto unfreed = unfreed_.next(range.begin);
  const std::uint64_t kept = format_ == Format::frames ? 0 : 1;
  return !unfreed || unfreed->begin + kept >= range.end;
}

}  // namespace punchline
