#include "agent/core/unjudged.h"

#include <algorithm>

#include "sinks/kafka_outcome.h"

namespace punchline {

bool Unjudged::note(const Refused& refused) {
  if (holds(refused.range)) return true;
  if (is_full()) return false;
  open_.emplace(refused.range.begin, refused);
  return true;
}

bool Unjudged::holds(ByteRange range) const {
  return open_.contains(range.begin) || at_fault_.contains(range.begin);
}

void Unjudged::forget(ByteRange range) {
  open_.erase(range.begin);
  at_fault_.erase(range.begin);
}

bool Unjudged::all_for_size() const {
  return std::all_of(open_.begin(), open_.end(), [](const auto& entry) {
    return is_refusal_of_size(entry.second.code);
  });
}

void Unjudged::condemn() {
  at_fault_.merge(open_);
  open_.clear();
}

}  // namespace punchline
