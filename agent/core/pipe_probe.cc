// The part of Pipe that tries, while the topic is blamed, whether it takes records again.

#include "agent/core/pipe.h"

namespace punchline {

// The first of what was refused, alone: if it arrives now, the topic has been mended.
Pipe::Fed Pipe::probe_topic(TimePoint now) {
  auto& judge = refusals_.judge();
  while (judge.unjudged() > 0 && ledger_.is_done(judge.first_unjudged().range))
    judge.forget(judge.first_unjudged().range);
  if (judge.unjudged() == 0) {
    judge.end_blame();
    return Fed::more;
  }
  if (lanes_.in_flight() > 0 || now < judge.probe_due()) return Fed::waiting;
  const auto range = judge.first_unjudged().range;
  own_.restart(range.begin);
  const auto filled = fill(own_, range.end);
  if (!filled) gauges_.say(filled.error(), now);
  if (filled && *filled == Pass::Fill::items && own_.item().kind == Item::Kind::record) {
    const auto lane = partitions_.of(own_.record());
    if (offer(own_, lane, range.end, now) > 0) {
      parts_.metrics.records_resent.add(1);
      judge.probed(now);
    }
  }
  own_.drop();
  return Fed::waiting;
}

}  // namespace punchline
