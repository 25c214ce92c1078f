// The part of Pipe that keeps what was written where everything was done.

#include "agent/pipe.h"
#include "sinks/counted.h"

namespace punchline {
namespace {

constexpr Duration kOverwritingToldDelay = std::chrono::minutes(1);

}  // namespace

// In lines nobody can say what else was written there before; see buffer/FORMAT.md, "Below the
// front".
void Pipe::look_below(TimePoint now) {
  // A copy of what is kept before the front is made before anybody can write over it unseen.
  if (lanes_.in_flight() == 0 && ledger_.keeps_anew()) stray_watch_.hurry(now);
  if (shrunk_ || !stray_watch_.is_due(now)) return;
  look_at_waiting(now);
  const auto strays = stray_watch_.look(now);
  if (!strays) return gauges_.say(strays.error(), now);
  if (ledger_.is_crossed()) {
    shrunk_ = true;  // begun anew, whole lines come out of it
    return;
  }
  for (const auto& range : *strays) {
    const Item item{range, Item::Kind::set_aside, SetAsideReason::written_below_front, 0, 0};
    if (parts_.set_aside_store != nullptr && !quarantine_.take(item)) return;  // when there is room
    ledger_.note_stray(range);
    gauges_.count_stray(item);
    parts_.checkpoint.note_gap();
  }
  if (strays->size() >= StrayWatch::kFoundMax) stray_watch_.hurry(now);
}

// Who starts at offset 0 again writes over what waits as well.
void Pipe::look_at_waiting(TimePoint now) {
  const auto changed = waiting_.look(parts_.file, parts_.checkpoint.base(), ledger_.front(),
                                     parts_.checkpoint.format());
  if (!changed) return gauges_.say(changed.error(), now);
  if (!changed->empty()) tell_of_overwriting(*changed, now);
}

// How far it went on from there nobody knows.
void Pipe::tell_of_overwriting(ByteRange range, TimePoint now) {
  parts_.losses.add(LossReason::overwritten, 0, range.size());
  if (now < overwriting_told_ + kOverwritingToldDelay) return;
  overwriting_told_ = now;
  parts_.log.error(
      "{}: written over while it waited: what was to be delivered from position {} on is gone, {} "
      "or more; a producer starts at offset 0 instead of appending: let it append "
      "(StandardOutput=append:, >>, O_APPEND)",
      config_.path, range.begin, counted(range.size(), "byte"));
}

// No line begins where one did: that of a producer which began at offset 0 goes across.
Result<Pass::Fill> Pipe::fill(Pass& pass, Position until) {
  if (!pass.has_item(until)) {
    const auto begins = parts_.checkpoint.may_begin_at(pass.at());
    if (!begins) return begins.error();
    shrunk_ = shrunk_ || !*begins;
    if (shrunk_) return Pass::Fill::moved;
  }
  return pass.fill(until);
}

}  // namespace punchline
