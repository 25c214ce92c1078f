#include "agent/core/tail_age.h"

namespace punchline {

void TailAge::note(Position end, TimePoint at) {
  if (!marks_.empty() && end <= marks_.back().end) return;
  marks_.push_back({end, at});
  if (marks_.size() <= kMarksMax) return;
  // Two marks become one, with the end of the newer and the time of the older. Ages become coarser,
  // never too young by more than the time between two marks.
  std::deque<Mark> kept;
  for (std::size_t i = 1; i < marks_.size(); i += 2)
    kept.push_back({marks_[i].end, marks_[i - 1].at});
  if (marks_.size() % 2 == 1) kept.push_back(marks_.back());
  marks_.swap(kept);
}

std::optional<TimePoint> TailAge::since(Position front) {
  while (!marks_.empty() && marks_.front().end <= front)
    marks_.pop_front();
  if (marks_.empty()) return std::nullopt;
  return marks_.front().at;
}

}  // namespace punchline
