#include "agent/core/tail.h"

#include <utility>

namespace punchline {

void Tail::reach(TimePoint now) {
  was_vain_ = is_reached_ && is_woken_;
  is_reached_ = true;
  is_woken_ = false;
  due_ = now + kLookDelay;
  earliest_ = now + kWakesTogether;
}

void Tail::note_unfinished(std::uint64_t bytes, TimePoint now) {
  if (bytes == unfinished_bytes_) return;
  unfinished_bytes_ = bytes;
  unfinished_since_ = now;
  unfinished_told_ = false;
}

bool Tail::tells_unfinished(TimePoint now) {
  if (unfinished_told_ || unfinished_for(now) < kUnfinishedToldAfter) return false;
  return unfinished_told_ = true;
}

}  // namespace punchline
