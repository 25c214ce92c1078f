// The part of Pipe that brings a lane which fell behind level again, by a pass of its own.

#include <algorithm>

#include "agent/pipe.h"

namespace punchline {
namespace {

constexpr Duration kRetryDelay = std::chrono::seconds(1);

}  // namespace

Pipe::Fed Pipe::feed_lagging(TimePoint now) {
  if (catching_up_) return catch_up(*catching_up_, now);
  for (std::size_t lane = 0; lane < lanes_.count(); ++lane) {
    if (!lanes_.is_due(lane, now)) continue;
    if (parts_.sink.room({route_, static_cast<std::int32_t>(lane)}).records == 0) continue;
    if (!may_hold_more(lane)) continue;
    // The front may have passed it, and the file been collapsed up to there.
    own_.restart(std::max(*lanes_[lane].resume, ledger_.front()));
    catching_up_ = lane;
    return catch_up(lane, now);
  }
  return Fed::waiting;
}

// One chunk of a lagging lane: its records that are not done, up to where the main pass stands.
Pipe::Fed Pipe::catch_up(std::size_t lane, TimePoint now) {
  const auto until = main_.at();
  const auto filled = own_.fill(until);
  if (!filled) {
    gauges_.say(filled.error(), now);
    lanes_.leave_behind(lane, own_.at(), now + kRetryDelay);
    catching_up_.reset();
    return Fed::waiting;
  }
  if (*filled == Pass::Fill::no_memory) {
    main_.drop();  // it waits for this lane anyway, and may hold the last chunk there is
    return Fed::waiting;
  }
  while (own_.has_item(until)) {
    const auto& item = own_.item();
    const bool wanted = item.kind == Item::Kind::record && lane_of(own_.record()) == lane &&
                        !is_settled(item.range);
    if (!wanted) {
      own_.skip();
      continue;
    }
    const auto taken = offer(own_, lane, std::min(until, stripe_end(item.range.begin)), now);
    parts_.metrics.records_resent.add(taken);
    if (taken > 0) continue;
    lanes_.move(lane, own_.at());
    own_.drop();
    catching_up_.reset();
    return Fed::waiting;
  }
  lanes_.move(lane, own_.at());
  if (own_.at() < until && *filled != Pass::Fill::end_of_data) return Fed::more;
  own_.drop();
  lanes_.level(lane);
  catching_up_.reset();
  return Fed::more;
}

}  // namespace punchline
