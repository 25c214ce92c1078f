// The part of Pipe that gives up records: only where the operator has chosen drop_oldest.

#include <algorithm>

#include "agent/core/pipe.h"

namespace punchline {
namespace {

constexpr Duration kPatience = std::chrono::seconds(10);

}  // namespace

// What may be in flight stays: its report is still to come. A lane that lags has nothing out from
// its resume position on, but where a report put that back and others are still to come.
bool Pipe::is_droppable(const Record& record) const {
  const auto begin = record.range().begin;
  if (begin >= main_.at()) return true;
  if (lanes_.count() == 0) return false;
  const auto& lane = lanes_[partitions_.of(record)];
  if (!lane.resume || begin < *lane.resume || (lane.until && begin >= *lane.until)) return false;
  return lane.in_flight == 0 || !(lane.failed || seeks_suspect(partitions_.of(record)));
}

// A chunk a turn, from the front on, until what was over the limit when it was last measured is
// dropped. What lies above everything read so far is counted as read on the way.
void Pipe::drop_oldest(TimePoint now) {
  auto& over = gauges_.over_limit_bytes();
  if (config_.when_full != WhenFull::drop_oldest || over == 0) return;
  if (now < began_ + kPatience) return;  // Kafka may take in seconds what has gathered meanwhile
  dropping_.restart(std::max(ledger_.front(), dropped_to_));
  const auto filled = dropping_.fill(until_);
  if (!filled) return gauges_.say(filled.error(), now);
  if (*filled == Pass::Fill::end_of_data) {
    dropped_to_ = 0;  // begin again with what was in flight
    over = 0;
    return;
  }
  while (over > 0 && dropping_.has_item(until_)) {
    const auto item = dropping_.item();
    drop_item(item, now);
    dropped_to_ = item.range.end;
    dropping_.skip();
  }
  dropping_.drop();
}

void Pipe::drop_item(const Item& item, TimePoint now) {
  const bool seen = item.range.begin < ledger_.read_to();
  if (item.kind == Item::Kind::nothing) return freer_.done(item.range, now);
  if (item.kind == Item::Kind::room) return freer_.pass_room(item.range, now);
  if (item.kind == Item::Kind::set_aside) return aside_.take(item);
  const bool is_unjudged = refusals_.judge().holds(item.range) && lanes_.in_flight() == 0;
  if (!is_unjudged && (is_settled(item.range) || !is_droppable(dropping_.record()))) return;
  refusals_.judge().forget(item.range);
  if (!seen) count_read(item.range, 1);
  gauges_.count_dropped(item.range);
  freer_.done(item.range, now);
}

}  // namespace punchline
