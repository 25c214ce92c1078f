#include "agent/core/ledger.h"

#include <algorithm>

namespace punchline {

ByteRange Ledger::done(ByteRange range) {
  range.begin = std::max(range.begin, front_);
  if (range.empty()) return {};
  note(range);
  return range;
}

ByteRange Ledger::pass_room(ByteRange range) {
  if (is_done(range)) return {};
  range.begin = std::max(range.begin, front_);
  room_to_ = std::max(room_to_, range.end);
  note(range);
  return range;
}

void Ledger::note(ByteRange range) {
  if (range.begin > front_) {
    above_.insert(range);
    return;
  }
  front_ = range.end;
  for (auto next = above_.first(); next && next->begin <= front_; next = above_.first()) {
    front_ = std::max(front_, next->end);
    above_.erase(*next);
  }
}

bool Ledger::is_done(ByteRange range) const {
  return range.end <= front_ || above_.contains(range);
}

Position Ledger::first_undone(Position from) const {
  from = std::max(from, front_);
  const auto range = above_.find(from);
  return range ? range->end : from;
}

std::uint64_t Ledger::undone_bytes(ByteRange range) const {
  range = intersection(range, {front_, std::max(front_, range.end)});
  auto bytes = range.size();
  for (auto done = above_.next(range.begin); done && done->begin < range.end;
       done = above_.next(done->end)) {
    bytes -= intersection(*done, range).size();
  }
  return bytes;
}

void Ledger::set_aside(ByteRange range) {
  if (aside_.size() < kAsideMax) aside_.insert(range);
}

std::uint64_t Ledger::waiting_bytes(Position end) const {
  const auto after_front = end - std::min(end, front_);
  return after_front - std::min(after_front, above_.bytes() + aside_.bytes());
}

Position Ledger::first_waiting() const {
  auto at = front_;
  for (std::size_t step = 0; step <= 2 * kAsideMax; ++step) {
    at = first_undone(at);
    const auto aside = aside_.find(at);
    if (!aside) break;
    at = aside->end;
  }
  return at;
}

}  // namespace punchline
