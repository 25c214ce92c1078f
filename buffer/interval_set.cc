#include "buffer/interval_set.h"

#include <iterator>

namespace punchline {

IntervalSet& IntervalSet::operator=(const IntervalSet& other) {
  map_ = other.map_;
  bytes_ = other.bytes_;
  last_ = map_.end();
  return *this;
}

void IntervalSet::clear() {
  map_.clear();
  bytes_ = 0;
  last_ = map_.end();
}

// The usual case: `range` begins where the last range ends, and does not touch the next one.
bool IntervalSet::extend_last(ByteRange range) {
  if (last_ == map_.end() || last_->second != range.begin) return false;
  const auto after = std::next(last_);
  if (after != map_.end() && after->first <= range.end) return false;
  last_->second = range.end;
  bytes_ += range.size();
  return true;
}

std::uint64_t IntervalSet::insert(ByteRange range) {
  if (range.empty()) return 0;
  if (extend_last(range)) return range.size();
  const auto before = bytes_;
  auto at = map_.upper_bound(range.begin);
  if (at != map_.begin() && std::prev(at)->second >= range.begin) --at;
  ByteRange joined = range;
  while (at != map_.end() && at->first <= joined.end) {  // ranges that touch are joined
    joined.begin = std::min(joined.begin, at->first);
    joined.end = std::max(joined.end, at->second);
    bytes_ -= at->second - at->first;
    at = map_.erase(at);
  }
  last_ = map_.emplace_hint(at, joined.begin, joined.end);
  bytes_ += joined.size();
  return bytes_ - before;
}

void IntervalSet::erase(ByteRange range) {
  if (range.empty() || map_.empty()) return;
  last_ = map_.end();
  auto at = map_.upper_bound(range.begin);
  if (at != map_.begin() && std::prev(at)->second > range.begin) --at;
  while (at != map_.end() && at->first < range.end) {
    const ByteRange old{at->first, at->second};
    at = map_.erase(at);
    bytes_ -= old.size();
    if (old.begin < range.begin) {
      map_.emplace_hint(at, old.begin, range.begin);
      bytes_ += range.begin - old.begin;
    }
    if (old.end > range.end) {
      map_.emplace_hint(at, range.end, old.end);
      bytes_ += old.end - range.end;
    }
  }
}

std::optional<ByteRange> IntervalSet::next(Position at) const {
  auto it = map_.upper_bound(at);
  if (it != map_.begin() && std::prev(it)->second > at) --it;
  if (it == map_.end()) return std::nullopt;
  return ByteRange{it->first, it->second};
}

std::optional<ByteRange> IntervalSet::find(Position at) const {
  const auto range = next(at);
  if (range && range->contains(at)) return range;
  return std::nullopt;
}

bool IntervalSet::contains(ByteRange range) const {
  if (range.empty()) return true;
  const auto around = find(range.begin);
  return around && around->contains(range);
}

std::optional<ByteRange> IntervalSet::first() const {
  if (map_.empty()) return std::nullopt;
  return ByteRange{map_.begin()->first, map_.begin()->second};
}

}  // namespace punchline
