// The part of Pipe that keeps what was written where everything was done.

#include "agent/pipe.h"

namespace punchline {

// In lines nobody can say what else was written there before; see buffer/FORMAT.md, "Below the
// front".
void Pipe::look_below(TimePoint now) {
  // A copy of what is kept before the front is made before anybody can write over it unseen.
  if (lanes_.in_flight() == 0 && ledger_.keeps_anew()) stray_watch_.hurry(now);
  if (shrunk_ || !stray_watch_.is_due(now)) return;
  const auto strays = stray_watch_.look(now);
  if (!strays) return gauges_.say(strays.error(), now);
  for (const auto& range : *strays) {
    const Item item{range, Item::Kind::set_aside, SetAsideReason::written_below_front, 0, 0};
    if (parts_.set_aside_store != nullptr && !quarantine_.take(item)) return;  // when there is room
    ledger_.note_stray(range);
    gauges_.count_stray(item);
    parts_.checkpoint.note_gap();
  }
  if (strays->size() >= StrayWatch::kFoundMax) stray_watch_.hurry(now);
}

}  // namespace punchline
