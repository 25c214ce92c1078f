#include "agent/core/pipe.h"

#include <algorithm>
#include <cstring>

#include "buffer/base/counted.h"

namespace punchline {
namespace {

using namespace std::chrono_literals;

constexpr Position kNoLimit = kPositionMax;
constexpr int kChunksPerFeed = 8;
constexpr Duration kLookDelay = Tail::kLookDelay;
constexpr Duration kSilentMax = 5s;       // of a partition with records in flight
constexpr Duration kSilentToldAfter = 30s;

std::uint32_t seed_from(const Uuid& uuid) {
  std::uint32_t seed = 0;
  std::memcpy(&seed, uuid.data(), sizeof seed);
  return seed;
}

}  // namespace

Pipe::Pipe(Parts parts, const BufferConfig& config, FreerLimits limits, std::uint32_t owner,
           TimePoint now)
    : parts_(parts),
      space_(parts.checkpoint.space()),
      config_(config),
      owner_(owner),
      ledger_(parts.checkpoint.front()),
      freer_(parts.checkpoint, ledger_, limits, parts.reserve),
      stray_watch_(freer_.strays(), now),
      seed_(seed_from(parts.checkpoint.state().uuid)),
      partitions_(config_),
      lanes_(0, seed_),
      outlet_(parts.sink, parts.pool, config.topic, lanes_, partitions_, config.drain_rate),
      envelope_(config, parts.keys, to_string(parts.checkpoint.state().uuid), parts.host),
      side_pool_(ChunkPool::kChunkBytes),
      dropping_(space_, side_pool_, owner),
      main_(space_, parts.pool, owner, &envelope_),
      own_(space_, parts.pool, owner, &envelope_),
      gauges_({space_, parts.checkpoint, ledger_, freer_, parts.metrics, parts.losses, parts.log},
              config_, now),
      aside_({parts.checkpoint, ledger_, freer_, gauges_, parts.set_aside_store, side_pool_},
             config.topic, owner),
      refusals_({space_, ledger_, lanes_, envelope_, aside_, parts.log}, config_, seed_),
      until_(kNoLimit),
      tail_(now),
      shrink_(parts.checkpoint),
      began_(now) {
  space_.rules().record_bytes_max = config_.record_bytes_max;
  space_.rules().block_bytes = limits.block_bytes;
  main_.restart(parts.checkpoint.front());
  if (parts.checkpoint.front() > Position(0)) refusals_.judge().has_taken_some();
}

void Pipe::take(const Delivery& delivery, TimePoint now) {
  const auto delay = lanes_.take(delivery, now);
  const bool was_stray = take_strays(delivery, now);
  if (delivery.outcome == Outcome::persisted) {
    gauges_.count_confirmed(delivery);
    parts_.metrics.records_retimed.add(envelope_.retimed().take(delivery.range));
    freer_.done(delivery.range, now);  // only in memory, once its position means nothing any more
    if (shrunk()) return;
    return refusals_.note_arrival(delivery, now);
  }
  if (shrunk()) return;
  parts_.metrics.kafka_errors.add(delivery.code, delivery.records);
  const auto lane = static_cast<std::size_t>(delivery.lane.partition);
  if (catching_up_ == lane) end_own_pass();
  if (was_stray && lanes_.has_poison(lane)) return lanes_.forgive(lane, now);
  if (!delay) return;
  if (delivery.alone && lanes_.has_poison(lane) && !refusals_.is_fault_of_clock(delivery)) {
    if (refusals_.note(delivery, now)) tail_.leave();
    if (is_refused()) drop_passes();
    return;
  }
  parts_.log.debug("{}: partition {} of {}: not delivered at {}, trying again in {} ms",
                   config_.path, delivery.lane.partition, config_.topic, delivery.range.begin,
                   delay->count());
}

void Pipe::lose_in_flight() {
  for (std::size_t lane = 0; lane < lanes_.count(); ++lane) {
    const auto epoch = outlet_.epoch(lane);
    if (!lanes_.lost(lane, epoch, ledger_.front())) continue;
    stray_frames_.lose(static_cast<std::int32_t>(lane));
    if (catching_up_ == lane) end_own_pass();
  }
}

// Who fell behind goes first, so that a lane is level again before the main pass moves on.
Pipe::Fed Pipe::feed(TimePoint now) {
  is_held_up_ = true;
  if (has_shrunk(now) || !mapping_stands(now)) return wait_without_chunks();
  if (freer_.must_pause()) {
    // Freeing may wait for what stands below the front.
    if (!is_refused() && outlet_.is_open(now)) feed_strays(now);
    return wait_without_chunks();
  }
  if (space_.format() == Format::none) return settle_format(now);
  drop_oldest(now);
  if (is_refused()) return probe_topic(now);
  const bool more_strays = feed_strays(now);
  const auto fed = is_relaxed() ? feed_relaxed(now) : feed_strict(now);
  const bool at_end = tail_.is_quiet() && lanes_.in_flight() == 0 && lanes_.lagging() == 0;
  if (at_end && refusals_.judge_at_end(now)) drop_passes();
  return more_strays ? Fed::more : fed;
}

Pipe::Fed Pipe::feed_strict(TimePoint now) {
  if (!outlet_.is_open(now)) return Fed::waiting;
  if (lanes_.lagging() > 0) {
    const auto fed = feed_lagging(now);
    if (fed == Fed::more) return fed;
    if (lanes_.all_lag()) {
      main_.drop();
      return fed;
    }
  }
  return feed_main(now);
}

// The main pass reads on whatever lags, so that what is appended now is sent as soon as it can be;
// the backlog takes the room that is left.
Pipe::Fed Pipe::feed_relaxed(TimePoint now) {
  if (tail_.is_reached()) lanes_.open(main_.at());  // what has settled since
  const auto live = feed_main(now);
  if (!outlet_.is_open(now) || lanes_.lagging() == 0) return live;
  const auto backlog = feed_lagging(now);
  return live == Fed::more || backlog == Fed::more ? Fed::more : backlog;
}

// Nothing has been appended so far: the first record says in which format.
Pipe::Fed Pipe::settle_format(TimePoint now) {
  if (tail_.rests(now)) return stay_at_end();
  if (const auto settled = parts_.checkpoint.settle_format(); !settled) {
    gauges_.say(settled.error(), now);
  }
  if (space_.format() == Format::none) return rest_at_end(now);
  freer_.set_format(space_.format());
  tail_.leave();
  return Fed::more;
}

void Pipe::hold(bool held) {
  if (outlet_.is_held() && !held) tail_.look_at({});
  outlet_.hold(held);
}

// Whoever cannot go on leaves the memory to the other pipes.
Pipe::Fed Pipe::wait_without_chunks() {
  main_.drop();
  own_.drop();
  return Fed::waiting;
}

Pipe::Fed Pipe::stay_at_end() {
  is_held_up_ = false;
  return Fed::at_end;
}

Pipe::Fed Pipe::feed_main(TimePoint now) {
  if (tail_.rests(now)) return stay_at_end();
  const bool can_offer = outlet_.takes_any();
  if (!can_offer && !main_.has_item(until_) && !tail_.is_due(now)) return Fed::waiting;
  for (int chunk = 0; chunk < kChunksPerFeed; ++chunk) {
    const auto filled = fill(main_, until_);
    if (!filled) {
      gauges_.say(filled.error(), now);
      return Fed::waiting;
    }
    if (*filled == Pass::Fill::no_memory) return Fed::waiting;
    if (*filled == Pass::Fill::end_of_data) return rest_at_end(now);
    tail_.leave();
    tail_.set_room({});
    while (main_.has_item(until_)) {
      if (pass_item(now)) continue;
      if (!can_offer) tail_.look_at(now + kLookDelay);
      if (lanes_.in_flight() == 0) main_.drop();
      return Fed::waiting;
    }
  }
  return Fed::more;
}

Pipe::Fed Pipe::rest_at_end(TimePoint now) {
  if (tail_.reach(now)) stray_watch_.hurry(now + Tail::kWakesTogether);
  note_room();
  if (look_for_shrinking()) return Fed::waiting;
  close_partial_line(now);
  if (is_relaxed()) lanes_.open(main_.at());
  return stay_at_end();
}

void Pipe::note_room() {
  const auto begin = main_.at() + main_.unfinished_bytes();
  ByteRange room{begin, begin + main_.room_bytes()};
  if (parts_.checkpoint.is_all_room()) {
    if (const auto end = space_.end()) room.end = std::max(begin, *end);
  }
  tail_.set_room(room);
  gauges_.note_room(room);
}

bool Pipe::pass_item(TimePoint now) {
  const Item& item = main_.item();
  switch (item.kind) {
    case Item::Kind::nothing:
      refusals_.note_done_before(item);
      freer_.done(item.range, now);
      break;
    case Item::Kind::room:
      refusals_.note_done_before(item);
      freer_.pass_room(item.range, now);
      break;
    case Item::Kind::set_aside:
      aside_.take(item);
      break;
    case Item::Kind::record:
      return pass_record(now);
  }
  main_.skip();
  return true;
}

bool Pipe::pass_record(TimePoint now) {
  if (lanes_.count() == 0) return false;
  const auto range = main_.item().range;
  const auto lane = partitions_.of(main_.record());
  const bool seen = range.begin < ledger_.read_to();
  if (seen && is_settled(range)) {
    main_.skip();
    return true;
  }
  if (!lanes_.lags(lane) || lanes_.is_open(lane)) {
    const auto until = seen ? std::min(until_, ledger_.read_to()) : until_;
    if (offer(main_, lane, until, now) > 0) {
      if (!seen) count_read({range.begin, main_.taken_to()}, main_.taken());
      return true;
    }
    if (!leave_behind(lane, now)) return false;
  }
  // Its own pass will meet it again.
  if (!seen) count_read(range, 1);
  main_.skip();
  return true;
}

void Pipe::count_read(ByteRange range, std::size_t records) {
  ledger_.note_read(range.end);
  gauges_.count_read(range, records);
}

void Pipe::drop_passes() {
  end_own_pass();
  main_.drop();
}

void Pipe::end_own_pass() {
  own_.drop();
  catching_up_.reset();
}

void Pipe::close_partial_line(TimePoint now) {
  const auto bytes = main_.unfinished_bytes();
  tail_.note_unfinished(bytes, now);
  if (bytes == 0 || !tail_.room().empty() || until_ != kNoLimit) return;
  if (space_.format() != Format::lines) return;
  if (config_.partial_timeout == 0ms) return tell_of_partial_line(now);
  if (tail_.unfinished_for(now) < config_.partial_timeout) return;
  if (const auto closed = parts_.file.append(std::span("\n", 1)); !closed) {
    gauges_.say(closed.error(), now);
  }
}

// It counts as waiting, while there is nothing to send.
void Pipe::tell_of_partial_line(TimePoint now) {
  if (!tail_.tells_unfinished(now)) return;
  parts_.log.info(
      "{}: the last line has had no newline for {} s: {} for one; partial_timeout would close it",
      config_.path, Tail::kUnfinishedToldAfter / 1s,
      counted(main_.unfinished_bytes(), "byte waits", "bytes wait"));
}

void Pipe::settle(TimePoint now) {
  look_below(now);
  if (const auto noted = parts_.losses.store(now); !noted) gauges_.say(noted.error(), now);
  freer_.note_reading(tail_.is_reached() && tail_.room().empty());
  const bool has_work =
      freer_.has_work(now) || aside_.has_work(now) || refusals_.judge().has_condemned();
  if (shrunk() || !has_work) return;
  if (look_for_shrinking()) return;
  refusals_.settle();
  aside_.settle(now);
  const auto base = space_.base();
  const auto fences = parts_.checkpoint.careful_until();
  const auto worth = lanes_.in_flight() == 0   ? Freer::Worth::all
                     : gauges_.is_near_limit() ? Freer::Worth::blocks
                                               : Freer::Worth::large;
  for (const auto& trouble : freer_.settle(now, worth)) {
    gauges_.say(trouble, now);
  }
  if (const auto* no_room = freer_.no_room())
    gauges_.say_no_room(*no_room, freer_.unfreed_bytes(), now);
  if (parts_.checkpoint.lost_place() || freer_.strays().is_crossed()) shrink_.set_shrunk();
  if (space_.base() > base) note_collapse(base);
  if (parts_.checkpoint.careful_until() > fences) {  // an error set one: read carefully from now on
    for (auto* pass : passes())
      pass->forget();
    aside_.forget();
  }
}

void Pipe::note_collapse(Position base_before) {
  for (auto* pass : passes())
    if (pass->at() < space_.base()) pass->restart(ledger_.front());  // what is below is done
  parts_.log.info("{}: collapsed by {} bytes, base {}", config_.path, space_.base() - base_before,
                  space_.base());
}

void Pipe::show(TimePoint now) {
  if (gauges_.show(lanes_.in_flight(), now)) freer_.note_growth(now);
  if (gauges_.is_near_limit()) freer_.free_soon(now);
  parts_.metrics.partitions_silent.set(lanes_.silent_since(now - kSilentMax));
  tell_of_silence(now);
  if (outlet_.is_held() || freer_.must_pause()) {
    parts_.metrics.set_state(BufferState::paused);
  } else if (drained()) {
    parts_.metrics.set_state(BufferState::idle);
  } else if (refusals_.judge().is_refusing()) {
    parts_.metrics.set_state(BufferState::refused);
  } else if (is_stuck(now)) {
    const bool is_missing = outlet_.is_topic_missing();
    parts_.metrics.set_state(is_missing ? BufferState::topic_missing : BufferState::kafka_away);
  } else {
    parts_.metrics.set_state(BufferState::forwarding);
  }
}

// What comes back from brokers that answer, as records do of which one is too large for the topic,
// is on its way again.
bool Pipe::is_stuck(TimePoint now) const {
  if (lanes_.count() == 0 || lanes_.all_silent_since(now - kSilentMax)) return true;
  const bool all_lag = lanes_.all_lag() && (!is_relaxed() || lanes_.in_flight() == 0);
  return all_lag && !(parts_.sink.is_up() && parts_.sink.trouble().empty());
}

// Where the sink has found no reason. A trouble that it knew accounts for the silence up to its
// end.
void Pipe::tell_of_silence(TimePoint now) {
  const bool is_silent = lanes_.all_silent_since(now - kSilentMax);
  silence_told_ = silence_told_ && is_silent;
  if (!is_silent || silence_told_) return;
  if (!parts_.sink.trouble().empty()) trouble_seen_ = now;
  if (now < trouble_seen_ + kSilentToldAfter) return;
  if (!lanes_.all_silent_since(now - kSilentToldAfter)) return;
  silence_told_ = true;
  parts_.log.warning(
      "{}: nothing was confirmed for {} s although {}; no reason is known: `punchline check` asks "
      "each broker",
      config_.path, kSilentToldAfter / 1s,
      counted(parts_.metrics.waiting_bytes.get(), "byte waits", "bytes wait"));
}

TimePoint Pipe::due(TimePoint now) const {
  auto look = is_held_up_ ? now + kLookDelay : tail_.next_look(now);
  if (shrunk()) return std::min(now + kLookDelay, parts_.losses.due());
  if (is_refused()) {
    const auto probe = refusals_.judge().probe_due();
    look = probe > now ? probe : now + kLookDelay;
  }
  return std::min({freer_.due(), lanes_.next_due(now), look, gauges_.due(), aside_.due(),
                   outlet_.open_due(now), stray_watch_.due(), parts_.losses.due()});
}

/// Nothing of it is to be offered.
bool Pipe::is_settled(ByteRange range) const {
  return ledger_.is_settled(range) || refusals_.judge().holds(range);
}

Status Pipe::limit_to_present() {
  const auto end = space_.end();
  if (!end) return end.error();
  until_ = *end;
  return {};
}

bool Pipe::drained() const {
  return tail_.is_reached() && !shrunk() && lanes_.in_flight() == 0 && lanes_.lagging() == 0 &&
         stray_frames_.empty() && refusals_.judge().empty() && !aside_.is_busy() &&
         (tail_.is_quiet() || until_ != kNoLimit);
}

}  // namespace punchline
