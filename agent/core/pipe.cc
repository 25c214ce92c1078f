#include "agent/core/pipe.h"

#include <algorithm>
#include <cstring>

#include "buffer/base/rarely.h"
#include "buffer/cluster_note.h"

namespace punchline {
namespace {

constexpr Duration kLookDelay = Tail::kLookDelay;

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
      partitions_(config_),
      lanes_(0, seed_from(parts.checkpoint.state().uuid)),
      outlet_(parts.sink, parts.pool, config.topic, lanes_, partitions_, config.drain_rate),
      envelope_(config, parts.keys, to_string(parts.checkpoint.state().uuid), parts.host),
      side_pool_(ChunkPool::kChunkBytes),
      gauges_({space_, parts.checkpoint, ledger_, freer_, parts.metrics, parts.losses, parts.log},
              config_, now),
      aside_({parts.checkpoint, ledger_, freer_, gauges_, parts.set_aside_store, side_pool_},
             config.topic, owner),
      refusals_({space_, ledger_, lanes_, envelope_, aside_, parts.log}, config_,
                seed_from(parts.checkpoint.state().uuid)),
      tail_(now),
      shrink_(parts.checkpoint),
      feeder_({parts.checkpoint, ledger_, freer_, lanes_, partitions_, outlet_, envelope_, aside_,
               refusals_, tail_, shrink_, gauges_, parts.metrics, parts.pool, parts.log},
              config_, owner),
      truncation_({space_, shrink_, ledger_, lanes_, feeder_, gauges_, parts.losses, side_pool_,
                   parts.log},
                  config_, owner),
      spread_({parts.checkpoint, ledger_, freer_, lanes_, partitions_, outlet_, envelope_, feeder_,
               tail_, truncation_, gauges_, parts.metrics, parts.log, parts.keys, parts.old_keys},
              config_, seed_from(parts.checkpoint.state().uuid)),
      below_({parts.checkpoint, ledger_, freer_, lanes_, partitions_, outlet_, envelope_, aside_,
              feeder_, shrink_, gauges_, parts.losses, parts.pool, parts.log},
             config_, owner, now),
      dropper_({space_, ledger_, freer_, lanes_, aside_, refusals_, feeder_, gauges_, side_pool_},
               config_, owner, now),
      silence_(parts.sink, lanes_, config_.path, parts.log) {
  space_.rules().record_bytes_max = config_.record_bytes_max;
  space_.rules().block_bytes = limits.block_bytes;
  if (parts.checkpoint.front() > Position(0)) refusals_.judge().has_taken_some();
}

void Pipe::take(const Delivery& delivery, TimePoint now) {
  const auto delay = lanes_.take(delivery, now);
  const bool was_stray = below_.take(delivery, now);
  if (delivery.outcome == Outcome::persisted) {
    gauges_.count_confirmed(delivery);
    parts_.metrics.records_retimed.add(envelope_.retimed().take(delivery.range));
    freer_.done(delivery.range, now);  // only in memory, once its position means nothing any more
    if (!shrunk()) refusals_.note_arrival(delivery, now);
    return;
  }
  if (shrunk()) return;
  parts_.metrics.kafka_errors.add(delivery.code, delivery.records);
  const auto lane = static_cast<std::size_t>(delivery.lane.partition);
  feeder_.end_own_pass(lane);
  if (was_stray && lanes_.has_poison(lane)) return lanes_.forgive(lane, now);
  if (!delay) return;
  if (delivery.alone && lanes_.has_poison(lane) && !refusals_.is_fault_of_clock(delivery)) {
    if (refusals_.note(delivery, now)) tail_.leave();
    if (is_refused()) feeder_.drop();
    return;
  }
  parts_.log.debug("{}: partition {} of {}: not delivered at {}, trying again in {} ms",
                   config_.path, delivery.lane.partition, config_.topic, delivery.range.begin,
                   delay->count());
}

void Pipe::lose(Lane lost) {
  const auto lane = static_cast<std::size_t>(lost.partition);
  if (!outlet_.goes_to(lost.route) || lane >= lanes_.count()) return;
  if (!lanes_.lost(lane, ledger_.front())) return;
  below_.lose(lane);
  feeder_.end_own_pass(lane);
}

Pipe::Fed Pipe::feed(TimePoint now) {
  if (truncation_.look_when_due(now) || !spread_.stands(now)) return feeder_.wait();
  if (freer_.must_pause()) {
    RARELY(true, "offering pauses until freeing has caught up");
    // Freeing may wait for what is below the front.
    if (!is_refused() && outlet_.is_open(now)) below_.feed(now);
    return feeder_.wait();
  }
  if (space_.format() == Format::none) return feeder_.feed(now);
  dropper_.drop(now);
  if (is_refused()) return feeder_.probe(now);
  const bool more_below = below_.feed(now);
  const auto fed = feeder_.feed(now);
  if (tail_.take_vain_wake()) below_.hurry(now + Tail::kWakesTogether);
  truncation_.tell();
  const bool at_end = tail_.is_quiet() && lanes_.in_flight() == 0 && lanes_.lagging() == 0;
  if (at_end && refusals_.judge_at_end(now)) feeder_.drop();
  return more_below ? Fed::more : fed;
}

void Pipe::hold(bool held) {
  if (outlet_.is_held() && !held) tail_.look_at({});
  outlet_.hold(held);
}

// The size is looked at before the front is stored and before anything is freed (E3). Once the file
// has shrunk, neither is done.
void Pipe::settle(TimePoint now) {
  below_.look(now);
  truncation_.tell();
  if (const auto noted = parts_.losses.store(now); !noted) gauges_.say(noted.error(), now);
  freer_.note_reading(tail_.is_reached() && tail_.room().empty());
  const bool has_work =
      freer_.has_work(now) || aside_.has_work(now) || refusals_.judge().has_condemned();
  if (shrunk() || !has_work) return;
  if (truncation_.look()) return;
  refusals_.settle();
  aside_.settle(now);
  const auto base = space_.base();
  const auto fences = parts_.checkpoint.careful_until();
  const auto worth = lanes_.in_flight() == 0   ? Freer::Worth::all
                     : gauges_.is_near_limit() ? Freer::Worth::blocks
                                               : Freer::Worth::large;
  for (const auto& trouble : freer_.settle(now, worth))
    gauges_.say(trouble, now);
  if (const auto* no_room = freer_.no_room())
    gauges_.say_no_room(*no_room, freer_.unfreed_bytes(), now);
  RARELY(parts_.checkpoint.lost_place(), "a collapse leaves a file whose offsets mean nothing");
  if (parts_.checkpoint.lost_place() || freer_.strays().is_crossed()) shrink_.set_shrunk();
  if (space_.base() > base) {
    feeder_.collapsed();
    parts_.log.info("{}: collapsed by {} bytes, base {}", config_.path, space_.base() - base,
                    space_.base());
  }
  if (parts_.checkpoint.careful_until() > fences) forget();  // an error set one
}

void Pipe::forget() {
  feeder_.forget();
  below_.forget();
  dropper_.forget();
  aside_.forget();
}

void Pipe::finish(TimePoint now) {
  if (!truncation_.look()) {
    refusals_.settle();
    aside_.finish(now);
    for (const auto& trouble : freer_.finish(now))
      gauges_.say(trouble, now);
    gauges_.show_now(lanes_.in_flight(), now);
    gauges_.say_the_rest(now);
  }
  rest_ = look_for_rest();
}

// In a file that was truncated everything is new.
Rest Pipe::look_for_rest() {
  const auto end = space_.end();
  if (!end) return {};
  Pass pass(space_, side_pool_, owner_);
  const auto from = shrunk() ? space_.base() : ledger_.front();
  return survey_rest(pass, from, feeder_.until(), *end, [this](ByteRange record) {
    return shrunk() || !ledger_.is_settled(record);
  });
}

bool Pipe::has_unread() {
  Pass pass(space_, side_pool_, owner_);
  const auto any = [](ByteRange) { return true; };
  return survey(pass, feeder_.at(), {feeder_.until(), UINT64_MAX, 1}, any).records > 0;
}

void Pipe::show(TimePoint now) {
  if (gauges_.show(lanes_.in_flight(), now)) freer_.note_growth(now);
  if (gauges_.is_near_limit()) freer_.free_soon(now);
  parts_.metrics.partitions_silent.set(silence_.partitions(now));
  silence_.tell(parts_.metrics.waiting_bytes.get(), now);
  parts_.metrics.set_state(state(now));
}

BufferState Pipe::state(TimePoint now) const {
  if (outlet_.is_held() || freer_.must_pause()) return BufferState::paused;
  if (drained()) return BufferState::idle;
  if (refusals_.judge().is_refusing()) return BufferState::refused;
  if (!silence_.is_stuck(config_.order, now)) return BufferState::forwarding;
  return outlet_.is_topic_missing() ? BufferState::topic_missing : BufferState::kafka_away;
}

TimePoint Pipe::due(TimePoint now) const {
  if (shrunk()) return std::min(now + kLookDelay, parts_.losses.due());
  auto look = feeder_.next_look(now);
  if (is_refused()) {
    const auto probe = refusals_.judge().probe_due();
    look = probe > now ? probe : now + kLookDelay;
  }
  return std::min({freer_.due(), lanes_.next_due(now), look, gauges_.due(), aside_.due(),
                   outlet_.open_due(now), below_.due(), parts_.losses.due()});
}

Status Pipe::limit_to_present() {
  const auto end = space_.end();
  if (!end) return end.error();
  feeder_.set_until(*end);
  return {};
}

bool Pipe::drained() const {
  return tail_.is_reached() && !shrunk() && lanes_.in_flight() == 0 && lanes_.lagging() == 0 &&
         below_.empty() && refusals_.judge().empty() && !aside_.is_busy() &&
         (tail_.is_quiet() || feeder_.has_limit());
}

bool Pipe::has_work_left() const {
  return !drained() || aside_.has_waiting() || feeder_.will_close_line();
}

std::string Pipe::note_cluster(const std::string& id, TimePoint now) {
  auto before = noted_cluster(parts_.file);
  cluster_ = id;
  if (const auto noted = punchline::note_cluster(parts_.file, id); !noted) {
    if (noted.error().kind() != ErrorKind::unsupported) gauges_.say(noted.error(), now);
  }
  return before;
}

}  // namespace punchline
