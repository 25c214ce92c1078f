#include "agent/core/feeder.h"

#include <algorithm>
#include <span>

#include "buffer/base/counted.h"
#include "buffer/base/rarely.h"

namespace punchline {
namespace {

using namespace std::chrono_literals;

constexpr int kChunksPerFeed = 8;
constexpr Duration kLookDelay = Tail::kLookDelay;
constexpr Duration kRetryDelay = 1s;
constexpr Duration kFullLanePatience = 1s;

}  // namespace

Feeder::Feeder(Parts parts, const BufferConfig& config, std::uint32_t owner)
    : parts_(parts),
      space_(parts.checkpoint.space()),
      config_(config),
      main_(space_, parts.pool, owner, &parts.envelope),
      own_(space_, parts.pool, owner, &parts.envelope) {
  main_.restart(parts.ledger.front());
}

// In strict order a lane that fell behind goes first, so that it is level again before the main
// pass moves on.
Feeder::Fed Feeder::feed(TimePoint now) {
  is_held_up_ = true;
  if (space_.format() == Format::none) return settle_format(now);
  return is_relaxed() ? feed_relaxed(now) : feed_strict(now);
}

Feeder::Fed Feeder::feed_strict(TimePoint now) {
  const auto& lanes = parts_.lanes;
  if (!parts_.outlet.is_open(now)) return Fed::waiting;
  if (lanes.lagging() > 0) {
    const auto fed = feed_lagging(now);
    if (fed == Fed::more) return fed;
    if (lanes.all_lag()) {
      main_.drop();
      return fed;
    }
  }
  return feed_main(now);
}

// The main pass reads on whatever lags, so that records appended now are sent as soon as they can
// be. The backlog takes the room that is left.
Feeder::Fed Feeder::feed_relaxed(TimePoint now) {
  auto& lanes = parts_.lanes;
  if (parts_.tail.is_reached()) lanes.open(main_.at());  // what has settled since
  const auto live = feed_main(now);
  if (!parts_.outlet.is_open(now) || lanes.lagging() == 0) return live;
  const auto backlog = feed_lagging(now);
  return live == Fed::more || backlog == Fed::more ? Fed::more : backlog;
}

// Nothing that decides the format has been appended so far. The first record says which it is.
Feeder::Fed Feeder::settle_format(TimePoint now) {
  if (parts_.tail.rests(now)) return stay_at_end();
  if (const auto settled = parts_.checkpoint.settle_format(); !settled)
    parts_.gauges.say(settled.error(), now);
  if (space_.format() == Format::none) return reach_end(now);
  parts_.freer.set_format(space_.format());
  parts_.tail.leave();
  return Fed::more;
}

Feeder::Fed Feeder::wait() {
  is_held_up_ = true;
  main_.drop();
  own_.drop();
  return Fed::waiting;
}

TimePoint Feeder::next_look(TimePoint now) const {
  return is_held_up_ ? now + kLookDelay : parts_.tail.next_look(now);
}

Feeder::Fed Feeder::stay_at_end() {
  is_held_up_ = false;
  return Fed::at_end;
}

Feeder::Fed Feeder::feed_main(TimePoint now) {
  auto& tail = parts_.tail;
  if (tail.rests(now)) return stay_at_end();
  const bool can_offer = parts_.outlet.takes_any();
  if (!can_offer && !main_.has_item(until_) && !tail.is_due(now)) return Fed::waiting;
  for (int chunk = 0; chunk < kChunksPerFeed; ++chunk) {
    const auto filled = fill(main_, until_);
    if (!filled) {
      parts_.gauges.say(filled.error(), now);
      return Fed::waiting;
    }
    if (*filled == Pass::Fill::no_memory) return Fed::waiting;
    if (*filled == Pass::Fill::end_of_data) return reach_end(now);
    tail.leave();
    tail.set_room({});
    while (main_.has_item(until_)) {
      if (pass_item(now)) continue;
      if (!can_offer) tail.look_at(now + kLookDelay);
      if (parts_.lanes.in_flight() == 0) main_.drop();
      return Fed::waiting;
    }
  }
  return Fed::more;
}

Feeder::Fed Feeder::reach_end(TimePoint now) {
  parts_.tail.reach(now);
  note_room();
  parts_.shrink.look(known());
  if (parts_.shrink.has_shrunk()) return Fed::waiting;
  close_partial_line(now);
  if (is_relaxed()) parts_.lanes.open(main_.at());
  return stay_at_end();
}

void Feeder::note_room() {
  const auto begin = main_.at() + main_.unfinished_bytes();
  ByteRange room{begin, begin + main_.room_bytes()};
  if (parts_.checkpoint.is_all_room()) {
    if (const auto end = space_.end()) room.end = std::max(begin, *end);
  }
  parts_.tail.set_room(room);
  parts_.gauges.note_room(room);
}

bool Feeder::ends_with_partial_line() const {
  const bool has_text = main_.unfinished_bytes() > 0 && parts_.tail.room().empty();
  return has_text && !has_limit() && space_.format() == Format::lines;
}

bool Feeder::will_close_line() const {
  return ends_with_partial_line() && config_.partial_timeout > 0ms;
}

void Feeder::close_partial_line(TimePoint now) {
  auto& tail = parts_.tail;
  tail.note_unfinished(main_.unfinished_bytes(), now);
  if (!ends_with_partial_line()) return;
  if (config_.partial_timeout == 0ms) return tell_of_partial_line(now);
  if (tail.unfinished_for(now) < config_.partial_timeout) return;
  if (const auto closed = space_.file().append(std::span("\n", 1)); !closed)
    parts_.gauges.say(closed.error(), now);
}

// The line counts as waiting although there is nothing to send.
void Feeder::tell_of_partial_line(TimePoint now) {
  if (!parts_.tail.tells_unfinished(now)) return;
  parts_.log.info(
      "{}: the last line has had no newline for {} s: {} for one; partial_timeout would close it",
      config_.path, Tail::kUnfinishedToldAfter / 1s,
      counted(main_.unfinished_bytes(), "byte waits", "bytes wait"));
}

// If no line begins where one did, the line of a producer that began at offset 0 goes across (B5).
// A pass that is below the front goes on at the front: all below is done, and nobody knows any more
// where a fence was.
Result<Pass::Fill> Feeder::fill(Pass& pass, Position until) {
  if (!pass.has_item(until)) {
    RARELY(pass.at() < parts_.ledger.front(), "a pass is below the front");
    if (pass.at() < parts_.ledger.front()) pass.restart(parts_.ledger.front());
    const auto begins = parts_.checkpoint.space().may_begin_at(pass.at());
    if (!begins) return begins.error();
    RARELY(!*begins, "B5: no line begins where one did");
    if (!*begins) parts_.shrink.set_shrunk();
    if (parts_.shrink.has_shrunk()) return Pass::Fill::moved;
  }
  return pass.fill(until);
}

bool Feeder::pass_item(TimePoint now) {
  const Item& item = main_.item();
  switch (item.kind) {
    case Item::Kind::nothing:
      parts_.refusals.note_done_before(item);
      parts_.freer.done(item.range, now);
      break;
    case Item::Kind::room:
      parts_.refusals.note_done_before(item);
      parts_.freer.pass_room(item.range, now);
      break;
    case Item::Kind::set_aside:
      parts_.aside.take(item);
      break;
    case Item::Kind::record:
      return pass_record(now);
  }
  main_.skip();
  return true;
}

// Records before read_to() have been met by an earlier pass. Those that are settled are skipped,
// and the others are not counted as read again.
bool Feeder::pass_record(TimePoint now) {
  const auto& lanes = parts_.lanes;
  if (lanes.count() == 0) return false;
  const auto range = main_.item().range;
  const auto lane = parts_.partitions.of(main_.record());
  const auto read_to = parts_.ledger.read_to();
  const bool seen = range.begin < read_to;
  if (seen && is_settled(range)) {
    main_.skip();
    return true;
  }
  if (!lanes.lags(lane) || lanes.is_open(lane)) {
    if (offer(main_, lane, seen ? std::min(until_, read_to) : until_, now) > 0) {
      if (!seen) count_read({range.begin, main_.taken_to()}, main_.taken());
      return true;
    }
    if (!leave_behind(lane, now)) return false;
  }
  // The lane's own pass will meet it again.
  if (!seen) count_read(range, 1);
  main_.skip();
  return true;
}

void Feeder::count_read(ByteRange range, std::size_t records) {
  parts_.ledger.note_read(range.end);
  parts_.gauges.count_read(range, records);
}

// A lane that is full and hears nothing does not hold up others: lanes that do hear, and lanes with
// nothing in flight. Whether the latter are any better shows when they are given something. If
// nobody answers, all of them soon have something in flight, and the main pass stops.
bool Feeder::leave_behind(std::size_t lane, TimePoint now) {
  auto& lanes = parts_.lanes;
  const auto& at = lanes[lane];
  if (at.in_flight == 0 || at.silent_since + kFullLanePatience > now) return false;
  if (!lanes.any_reported_since(now - kFullLanePatience) && !lanes.any_idle()) return false;
  RARELY(true, "a full lane that hears nothing is left behind");
  lanes.leave_behind(lane, main_.at(), now);
  end_own_pass(lane);
  return true;
}

Feeder::Fed Feeder::feed_lagging(TimePoint now) {
  if (catching_up_) return catch_up(*catching_up_, now);
  const auto& lanes = parts_.lanes;
  for (std::size_t i = 0; i < lanes.count(); ++i) {
    // In turns: a backlog that is paced would otherwise drain lane after lane.
    const auto lane = is_relaxed() ? (next_lane_ + i) % lanes.count() : i;
    if (!lanes.is_due(lane, now)) continue;
    if (!parts_.outlet.takes(lane)) continue;
    const auto& at = lanes[lane];
    if (seeks_suspect(lane) && at.in_flight > 0) continue;
    const auto from = seeks_suspect(lane) ? at.suspects.begin : *at.resume();
    // The front may have passed that place, and the file may have been collapsed up to the front.
    own_.restart(std::max(from, parts_.ledger.front()));
    catching_up_ = lane;
    next_lane_ = lane + 1;
    return catch_up(lane, now);
  }
  return Fed::waiting;
}

// One chunk of a lagging lane: offers its records that are not done, up to the place of the main
// pass, or to where that took over.
Feeder::Fed Feeder::catch_up(std::size_t lane, TimePoint now) {
  auto& lanes = parts_.lanes;
  const auto& at = lanes[lane];
  const bool seeks = seeks_suspect(lane);
  const auto until = seeks ? at.suspects.end : at.until().value_or(main_.at());
  const auto filled = fill(own_, until);
  if (!filled) {
    parts_.gauges.say(filled.error(), now);
    lanes.leave_behind(lane, own_.at(), now + kRetryDelay);
    end_own_pass();
    return Fed::waiting;
  }
  if (*filled == Pass::Fill::no_memory) {
    RARELY(true, "a lane that lags gets the last chunk of memory");
    main_.drop();  // it waits for this lane anyway, and may hold the last chunk there is
    return Fed::waiting;
  }
  while (own_.has_item(until)) {
    const auto& item = own_.item();
    const bool wanted = item.kind == Item::Kind::record &&
                        parts_.partitions.of(own_.record()) == lane && !is_settled(item.range);
    if (!wanted) {
      own_.skip();
      continue;
    }
    const auto taken = offer(own_, lane, until, now);
    parts_.metrics.records_resent.add(taken);
    if (taken > 0) continue;
    if (!seeks) lanes.move(lane, own_.at());
    end_own_pass();
    return Fed::waiting;
  }
  if (!seeks) lanes.move(lane, own_.at());
  if (own_.at() < until && *filled != Pass::Fill::end_of_data) return Fed::more;
  end_own_pass();
  if (!seeks) {
    lanes.level(lane);
  } else if (at.in_flight == 0) {  // else once their reports are in
    lanes.clear_suspects(lane);
  } else {
    return Fed::waiting;
  }
  return Fed::more;
}

// If the first of the refused records arrives now, the topic has been mended.
Feeder::Fed Feeder::probe(TimePoint now) {
  is_held_up_ = true;
  auto& judge = parts_.refusals.judge();
  while (judge.unjudged() > 0 && parts_.ledger.is_done(judge.first_unjudged().range))
    judge.forget(judge.first_unjudged().range);
  if (judge.unjudged() == 0) {
    judge.end_blame();
    return Fed::more;
  }
  if (parts_.lanes.in_flight() > 0 || now < judge.probe_due()) return Fed::waiting;
  const auto range = judge.first_unjudged().range;
  own_.restart(range.begin);
  const auto filled = fill(own_, range.end);
  if (!filled) parts_.gauges.say(filled.error(), now);
  if (filled && *filled == Pass::Fill::items && own_.item().kind == Item::Kind::record) {
    const auto lane = parts_.partitions.of(own_.record());
    if (offer(own_, lane, range.end, now) > 0) {
      parts_.metrics.records_resent.add(1);
      judge.probed(now);
    }
  }
  own_.drop();
  return Fed::waiting;
}

// In relaxed order drain_rate is for the backlog alone.
Outlet::Pace Feeder::pace(const Pass& pass, std::size_t lane) const {
  const bool is_limited = !is_relaxed() || (&pass != &main_ && !seeks_suspect(lane));
  return is_limited ? Outlet::Pace::limited : Outlet::Pace::free;
}

std::size_t Feeder::offer(Pass& pass, std::size_t lane, Position until, TimePoint now) {
  const auto pace = this->pace(pass, lane);
  auto run = parts_.outlet.next(pass, lane, until, pace);
  if (run.empty()) return 0;
  const bool seen = run.front().range().begin < parts_.ledger.read_to();
  if (seen) {
    const auto settled = std::find_if(run.begin() + 1, run.end(), [this](const Record& record) {
      return is_settled(record.range());
    });
    run = run.first(static_cast<std::size_t>(settled - run.begin()));
  }
  const auto taken = parts_.outlet.send(lane, run, pace, now);
  if (seen) count_found(run.first(taken));
  if (parts_.envelope.has_keys()) count_keyless(run.first(taken));
  pass.take(taken);
  return taken;
}

// A record may be found where something was set aside before, as in room that was written into
// since. Then that is taken back.
void Feeder::count_found(std::span<const Record> sent) {
  auto& ledger = parts_.ledger;
  if (ledger.aside().empty()) return;
  for (const auto& record : sent) {
    if (!ledger.aside().find(record.range().begin)) continue;
    RARELY(true, "a record is found where something was set aside");
    ledger.take_back(record.range());
    parts_.gauges.count_again(record.range());
  }
}

void Feeder::count_keyless(std::span<const Record> sent) {
  const auto count =
      std::count_if(sent.begin(), sent.end(), [](const Record& record) { return !record.key(); });
  parts_.metrics.records_keyless.add(static_cast<std::uint64_t>(count));
}

bool Feeder::is_settled(ByteRange range) const {
  return parts_.ledger.is_settled(range) || parts_.refusals.judge().holds(range);
}

// A lane that lags has nothing in flight from its resume position on, unless a report has put that
// position back and other reports are still to come.
bool Feeder::may_give_up(const Record& record) const {
  const auto begin = record.range().begin;
  if (begin >= main_.at()) return true;
  if (parts_.lanes.count() == 0) return false;
  const auto number = parts_.partitions.of(record);
  const auto& lane = parts_.lanes[number];
  const auto resume = lane.resume();
  const auto until = lane.until();
  if (!resume || begin < *resume || (until && begin >= *until)) return false;
  return lane.in_flight == 0 || !(lane.is_settling() || seeks_suspect(number));
}

void Feeder::restart() {
  end_own_pass();
  main_.restart(parts_.ledger.front());
  parts_.tail.leave();
}

void Feeder::end_own_pass(std::size_t lane) {
  if (catching_up_ == lane) end_own_pass();
}

void Feeder::end_own_pass() {
  own_.drop();
  catching_up_.reset();
}

void Feeder::drop() {
  end_own_pass();
  main_.drop();
}

void Feeder::forget() {
  main_.forget();
  own_.forget();
}

// All that is below is done.
void Feeder::collapsed() {
  for (auto* pass : {&main_, &own_})
    if (pass->at() < space_.base()) pass->restart(parts_.ledger.front());
}

}  // namespace punchline
