// The part of Pipe that decides by what rule records are spread over partitions.

#include <algorithm>

#include "agent/core/pipe.h"
#include "buffer/base/counted.h"

namespace punchline {

// Which partition a record belongs to may change only while nothing is in flight; then all that is
// not done is gone through again. What lags behind catches up by the old spread before: by the new
// one it could come to a partition that has later records. Partitions that are gone take nothing
// any more, so that there is nothing to wait for.
// An agent that ended meanwhile has left to the next one to send by its spread what was there.
bool Pipe::mapping_stands(TimePoint now) {
  const auto told = outlet_.partitions_told();
  if (told == lanes_.count() && !partitions_.is_old()) return true;
  const bool may_wait = lanes_.count() > 0 && told >= lanes_.count();
  if (may_wait && waits_by_old_spread()) return true;
  if (lanes_.in_flight() > 0) return false;
  const auto wanted = partitions_.wanted(told);
  const auto spread = lanes_.count() == 0 ? first_spread(wanted) : wanted;
  const std::size_t count = spread.partitions;
  if (lanes_.count() > 0) {
    if (count == lanes_.count()) {
      parts_.log.info("{}: what waited is sent: the settings of now hold", config_.path);
    } else {
      parts_.log.info("{}: topic {} now has {}, {} before", config_.path, config_.topic,
                      counted(count, "partition"), lanes_.count());
    }
    if (look_for_shrinking()) return false;
    for (const auto& trouble : freer_.finish(now))  // what is done must not come again by this one
      gauges_.say(trouble, now);
  }
  partitions_.set(spread, wanted);
  envelope_.set_keys(spread.key_rule == wanted.key_rule ? parts_.keys : parts_.old_keys);
  if (count > 0) parts_.checkpoint.note_spread(spread);
  if (const auto stored = parts_.checkpoint.store(); !stored) gauges_.say(stored.error(), now);
  parts_.metrics.partitions.set(count);
  lanes_ = Lanes(count, seed_);
  feeder_.restart();
  // In relaxed order all that is there counts as a backlog.
  const bool has_records = space_.format() != Format::none;
  for (std::size_t lane = 0; is_relaxed() && has_records && lane < count; ++lane)
    lanes_.leave_behind(lane, ledger_.front(), now);
  return true;
}

bool Pipe::waits_by_old_spread() const {
  const bool is_behind = feeder_.at() < partitions_.old_until() && !tail_.is_reached();
  return lanes_.lagging() > 0 || (partitions_.is_old() && is_behind);
}

Spread Pipe::first_spread(const Spread& wanted) {
  const auto end = space_.end();
  if (!end) return wanted;
  auto spread = partitions_.first(wanted, parts_.checkpoint.spread(), ledger_.front(), *end);
  if (spread.stripe_bytes != wanted.stripe_bytes || spread.key_rule != wanted.key_rule) {
    parts_.log.info(
        "{}: the settings that give records their partitions (key_*, stripe_bytes) have changed "
        "since what waits was first sent: what waits keeps its partitions, what is appended once "
        "that is delivered goes by the new settings",
        config_.path);
  }
  return spread;
}

}  // namespace punchline
