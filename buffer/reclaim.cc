#include "buffer/reclaim.h"

#include <algorithm>

#include "buffer/lines.h"

namespace punchline {
namespace {

bool is_done(const Reclaim::View& view, Position at) {
  return at < view.front || view.done->find(at).has_value();
}

}  // namespace

std::vector<Reclaim::Punch> Reclaim::plan(const View& view, Least least,
                                          std::size_t punches_max) const {
  std::vector<Punch> punches;
  const auto below = whole_blocks({freed_to_, closed_end(view.stored_front)}, block_bytes_);
  if (view.free_from == 0 &&
      below.size() >= std::max({least.below_bytes, block_bytes_, kGapBytesMin})) {
    punches.push_back({below, {0, below.end}, false});
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

// In lines the newline before the front stays: after a boot the front may go back, and the NULs
// that were freed must not run into the first record that waits.
Position Reclaim::closed_end(Position front) const {
  return format_ == Format::frames || front <= freed_to_ ? front : front - 1;
}

// The newline before `from` belongs to what is not freed now, and closes it.
ByteRange Reclaim::in_band(const View& view, ByteRange range, Position from) const {
  if (format_ == Format::frames) return range;
  if (range.begin > from && is_done(view, range.begin - 1)) --range.begin;
  --range.end;
  return range;
}

std::uint64_t Reclaim::freed(const Punch& punch) {
  const auto before = unfreed_.bytes();
  unfreed_.erase(punch.settled);
  if (!punch.in_band) freed_to_ = std::max(freed_to_, punch.range.end);
  return before - unfreed_.bytes();
}

bool Reclaim::is_freed(ByteRange range) const {
  const auto unfreed = unfreed_.next(range.begin);
  const std::uint64_t kept = format_ == Format::frames ? 0 : 1;
  return !unfreed || unfreed->begin + kept >= range.end;
}

}  // namespace punchline
