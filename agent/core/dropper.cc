#include "agent/core/dropper.h"

#include <algorithm>

#include "buffer/base/rarely.h"

namespace punchline {
namespace {

constexpr Duration kPatience = std::chrono::seconds(10);

}  // namespace

void Dropper::drop(TimePoint now) {
  if (config_.when_full != WhenFull::drop_oldest) return;
  if (const auto over = parts_.gauges.take_over_limit()) over_bytes_ = *over;
  if (over_bytes_ == 0) return;
  if (now < began_ + kPatience) return;  // Kafka may take in seconds what has gathered meanwhile
  const auto until = parts_.feeder.until();
  pass_.restart(std::max(parts_.ledger.front(), dropped_to_));
  const auto filled = pass_.fill(until);
  if (!filled) return parts_.gauges.say(filled.error(), now);
  if (*filled == Pass::Fill::end_of_data) {
    dropped_to_ = 0;  // begin again with what was in flight
    over_bytes_ = 0;
    return;
  }
  while (over_bytes_ > 0 && pass_.has_item(until)) {
    const auto item = pass_.item();
    drop_item(item, now);
    dropped_to_ = item.range.end;
    pass_.skip();
  }
  pass_.drop();
}

// A record after everything that was read so far is counted as read, too.
void Dropper::drop_item(const Item& item, TimePoint now) {
  const auto range = item.range;
  if (item.kind == Item::Kind::nothing) return parts_.freer.done(range, now);
  if (item.kind == Item::Kind::room) return parts_.freer.pass_room(range, now);
  if (item.kind == Item::Kind::set_aside) return parts_.aside.take(item);
  auto& feeder = parts_.feeder;
  auto& judge = parts_.refusals.judge();
  const bool is_unjudged = judge.holds(range) && parts_.lanes.in_flight() == 0;
  if (!is_unjudged && (feeder.is_settled(range) || !feeder.may_give_up(pass_.record()))) return;
  RARELY(is_unjudged, "a refused record that waits for its verdict is dropped");
  RARELY(range.begin >= parts_.ledger.read_to(), "a record that was never read is dropped");
  judge.forget(range);
  if (range.begin >= parts_.ledger.read_to()) feeder.count_read(range, 1);
  over_bytes_ -= std::min(over_bytes_, range.size());
  parts_.gauges.count_dropped(range);
  parts_.freer.done(range, now);
}

}  // namespace punchline
