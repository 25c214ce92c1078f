#include "agent/core/spread_keeper.h"

#include <chrono>

#include "buffer/base/counted.h"
#include "buffer/base/rarely.h"
#include "buffer/space.h"

namespace punchline {
namespace {

constexpr Duration kSilenceMax = std::chrono::seconds(5);

}  // namespace

// The order counts: what is done by the old spread is stored first, then the new spread is noted,
// and only then is a record sent by it.
bool SpreadKeeper::stands(TimePoint now) {
  auto& lanes = parts_.lanes;
  auto& checkpoint = parts_.checkpoint;
  const auto told = parts_.outlet.partitions_told();
  if (told == lanes.count() && !parts_.partitions.is_old()) return true;
  const bool may_wait = lanes.count() > 0 && told >= lanes.count();
  const bool is_old_left = may_wait && waits_by_old();
  RARELY(is_old_left, "a new spread waits for records of the old one");
  if (is_old_left) return true;
  // A partition that answers nothing would hold up all others, so they go on by the old spread.
  const bool is_silent = may_wait && lanes.silent_since(now - kSilenceMax) > 0;
  RARELY(is_silent, "a silent partition does not hold up the others: the old spread goes on");
  if (lanes.in_flight() > 0) return is_silent;
  const auto wanted = parts_.partitions.wanted(told);
  const auto spread = lanes.count() == 0 ? first(wanted) : wanted;
  if (lanes.count() > 0 && !finishes_old(wanted, now)) return false;
  RARELY(lanes.count() > 0 && spread.partitions > lanes.count(), "partitions were added");
  RARELY(lanes.count() == 0 && spread != wanted, "a start goes on by the spread of an earlier run");
  const std::size_t count = spread.partitions;
  parts_.partitions.set(spread, wanted);
  parts_.envelope.set_keys(spread.key_rule == wanted.key_rule ? parts_.keys : parts_.old_keys);
  if (count > 0) checkpoint.note_spread(spread);
  if (const auto stored = checkpoint.store(); !stored) parts_.gauges.say(stored.error(), now);
  parts_.metrics.partitions.set(count);
  lanes = Lanes(count, seed_);
  parts_.feeder.restart();
  // In relaxed order everything that is there counts as a backlog.
  const bool has_backlog =
      config_.order == Order::relaxed && checkpoint.space().format() != Format::none;
  for (std::size_t lane = 0; has_backlog && lane < count; ++lane)
    lanes.leave_behind(lane, parts_.ledger.front(), now);
  return true;
}

// Records that are done must not come again by the new spread, so what is done is stored first.
bool SpreadKeeper::finishes_old(const Spread& wanted, TimePoint now) {
  const auto before = parts_.lanes.count();
  if (wanted.partitions == before) {
    parts_.log.info("{}: what waited is sent: the settings of now hold", config_.path);
  } else {
    parts_.log.info("{}: topic {} now has {}, {} before", config_.path, config_.topic,
                    counted(wanted.partitions, "partition"), before);
  }
  if (parts_.truncation.look()) return false;
  for (const auto& trouble : parts_.freer.finish(now))
    parts_.gauges.say(trouble, now);
  return true;
}

bool SpreadKeeper::waits_by_old() const {
  const auto& partitions = parts_.partitions;
  const bool is_behind =
      parts_.feeder.at() < partitions.old_until() && !parts_.tail.is_reached();
  return parts_.lanes.lagging() > 0 || (partitions.is_old() && is_behind);
}

// Records that were there when an earlier agent ended are sent by the spread that it noted.
Spread SpreadKeeper::first(const Spread& wanted) const {
  const auto end = parts_.checkpoint.space().end();
  if (!end) return wanted;
  auto spread =
      parts_.partitions.first(wanted, parts_.checkpoint.spread(), parts_.ledger.front(), *end);
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
