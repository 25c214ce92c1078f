// The part of Pipe that brings a lane which fell behind level again, by a pass of its own.

#include <algorithm>

#include "agent/core/pipe.h"

namespace punchline {
namespace {

constexpr Duration kRetryDelay = std::chrono::seconds(1);

}  // namespace

Pipe::Fed Pipe::feed_lagging(TimePoint now) {
  if (catching_up_) return catch_up(*catching_up_, now);
  for (std::size_t i = 0; i < lanes_.count(); ++i) {
    // A backlog that is paced would else drain lane after lane.
    const auto lane = is_relaxed() ? (next_lane_ + i) % lanes_.count() : i;
    if (!lanes_.is_due(lane, now)) continue;
    if (!outlet_.takes(lane)) continue;
    const auto& at = lanes_[lane];
    if (seeks_suspect(lane) && at.in_flight > 0) continue;
    const auto from = seeks_suspect(lane) ? at.suspects.begin : *at.resume;
    // The front may have passed it, and the file been collapsed up to there.
    own_.restart(std::max(from, ledger_.front()));
    catching_up_ = lane;
    next_lane_ = lane + 1;
    return catch_up(lane, now);
  }
  return Fed::waiting;
}

// One chunk of a lagging lane: its records that are not done, up to where the main pass stands, or
// where it took over.
Pipe::Fed Pipe::catch_up(std::size_t lane, TimePoint now) {
  const auto& at = lanes_[lane];
  const bool seeks = seeks_suspect(lane);
  const auto until = seeks ? at.suspects.end : at.until.value_or(main_.at());
  const auto filled = fill(own_, until);
  if (!filled) {
    gauges_.say(filled.error(), now);
    lanes_.leave_behind(lane, own_.at(), now + kRetryDelay);
    end_own_pass();
    return Fed::waiting;
  }
  if (*filled == Pass::Fill::no_memory) {
    main_.drop();  // it waits for this lane anyway, and may hold the last chunk there is
    return Fed::waiting;
  }
  while (own_.has_item(until)) {
    const auto& item = own_.item();
    const bool wanted = item.kind == Item::Kind::record && partitions_.of(own_.record()) == lane &&
                        !is_settled(item.range);
    if (!wanted) {
      own_.skip();
      continue;
    }
    const auto taken = offer(own_, lane, until, now);
    parts_.metrics.records_resent.add(taken);
    if (taken > 0) continue;
    if (!seeks) lanes_.move(lane, own_.at());
    end_own_pass();
    return Fed::waiting;
  }
  if (!seeks) lanes_.move(lane, own_.at());
  if (own_.at() < until && *filled != Pass::Fill::end_of_data) return Fed::more;
  end_own_pass();
  if (!seeks) {
    lanes_.level(lane);
  } else if (at.in_flight == 0) {  // else once their reports are in
    lanes_.clear_suspects(lane);
  } else {
    return Fed::waiting;
  }
  return Fed::more;
}

}  // namespace punchline
