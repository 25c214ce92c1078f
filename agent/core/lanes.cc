#include "agent/core/lanes.h"

#include <algorithm>
#include <cassert>
#include <utility>

#include "buffer/base/rarely.h"
#include "sinks/kafka_outcome.h"

namespace punchline {
namespace {

using std::chrono::milliseconds;
using State = decltype(Lanes::Lane::state);

/// Long ago for a lane that is neither behind nor open.
TimePoint due_of(const State& state) {
  if (const auto* behind = std::get_if<Lanes::Behind>(&state)) return behind->due;
  if (const auto* open = std::get_if<Lanes::Open>(&state)) return open->due;
  return {};
}

}  // namespace

std::optional<Position> Lanes::Lane::resume() const {
  if (const auto* settling = std::get_if<Settling>(&state)) return settling->resume;
  if (const auto* behind = std::get_if<Behind>(&state)) return behind->resume;
  if (const auto* open = std::get_if<Open>(&state)) return open->resume;
  return std::nullopt;
}

std::optional<Position> Lanes::Lane::until() const {
  if (const auto* open = std::get_if<Open>(&state)) return open->until;
  return std::nullopt;
}

Lanes::Lanes(std::size_t count, std::uint32_t seed) {
  for (std::size_t i = 0; i < count; ++i) {
    const auto noise = seed + static_cast<std::uint32_t>(i) * 2654435761U;  // Knuth's constant
    lanes_.emplace_back().backoff = Backoff(kRetryFirst, kRetryMost, noise);
  }
}

void Lanes::offered(std::size_t lane, std::uint32_t records, TimePoint now) {
  if (lanes_[lane].in_flight == 0) lanes_[lane].silent_since = now;
  lanes_[lane].in_flight += records;
  in_flight_ += records;
}

void Lanes::settle(Lane& lane, Position resume, bool refused) {
  if (const auto* settling = std::get_if<Settling>(&lane.state))
    refused = refused || settling->refused;
  const auto before = lane.resume();
  if (!before) ++lagging_;
  lane.state = Settling{std::min(before.value_or(resume), resume), refused};
}

void Lanes::fall_behind(Lane& lane, Position resume, TimePoint due) {
  const auto before = lane.resume();
  if (!before) ++lagging_;
  lane.state = Behind{std::min(before.value_or(resume), resume), due};
}

// A lane of which a record has failed settles: it is offered nothing until all its reports are in.
// Then it lags from the first record that failed, and is due after the delay.
std::optional<Backoff::Millis> Lanes::take(const Delivery& delivery, TimePoint now) {
  auto& lane = lanes_[static_cast<std::size_t>(delivery.lane.partition)];
  assert(delivery.records <= lane.in_flight);
  lane.in_flight -= delivery.records;
  in_flight_ -= delivery.records;
  lane.reported = lane.silent_since = now;
  if (delivery.outcome != Outcome::persisted) {
    settle(lane, delivery.range.begin, delivery.outcome == Outcome::refused);
  } else if (!lane.is_settling()) {
    lane.backoff.reset();
  }
  note(lane, delivery);
  const auto* settling = std::get_if<Settling>(&lane.state);
  if (settling == nullptr || lane.in_flight > 0) return std::nullopt;
  const auto delay = Lanes::delay(lane, settling->refused);
  lane.state = Behind{settling->resume, now + delay};
  return delay;
}

void Lanes::note(Lane& lane, const Delivery& delivery) {
  if (delivery.outcome == Outcome::persisted) lane.refusals = 0;
  if (delivery.outcome != Outcome::refused) return;
  const bool first = lane.suspects.empty();
  lane.suspects = {
      first ? delivery.range.begin : std::min(lane.suspects.begin, delivery.range.begin),
      std::max(lane.suspects.end, delivery.range.end)};
  if (!delivery.alone) return;
  RARELY(is_certain_refusal(delivery.code), "a record is refused for certain");
  if (std::exchange(lane.suspect, delivery.range.begin) != lane.suspect) lane.refusals = 0;
  RARELY(lane.refusals + 1 == kRefusalsMax, "a record is refused alone for the last time");
  lane.refusals = is_certain_refusal(delivery.code) ? kRefusalsMax : lane.refusals + 1;
}

// The sink halves what it takes until the suspect is alone, so retrying without delay comes to an
// end.
Backoff::Millis Lanes::delay(Lane& lane, bool refused) {
  if (!refused || lane.refusals >= kRefusalsMax) return lane.backoff.next();
  return lane.refusals == 0 ? milliseconds{0} : kRefusalDelay;
}

void Lanes::forgive(std::size_t lane, TimePoint now) {
  auto& at = lanes_[lane];
  at.refusals = 0;
  at.backoff.reset();
  if (auto* behind = std::get_if<Behind>(&at.state)) behind->due = now;
  if (auto* open = std::get_if<Open>(&at.state)) open->due = now;
}

bool Lanes::lost(std::size_t lane, Position front) {
  auto& at = lanes_[lane];
  if (at.in_flight == 0) return false;
  RARELY(at.is_settling(), "a client is lost while a lane settles");
  RARELY(!at.suspects.empty(), "a client is lost while a suspect is sought");
  in_flight_ -= at.in_flight;
  at.in_flight = 0;
  fall_behind(at, front, due_of(at.state));
  return true;
}

// Records that an open lane has in flight may be above its backlog. They settle first.
void Lanes::leave_behind(std::size_t lane, Position resume, TimePoint due) {
  auto& at = lanes_[lane];
  if (at.is_settling() || (is_open(lane) && at.in_flight > 0)) return settle(at, resume, false);
  fall_behind(at, resume, due);
}

void Lanes::open(Position until) {
  for (auto& lane : lanes_) {
    const auto* behind = std::get_if<Behind>(&lane.state);
    if (behind != nullptr && lane.suspects.empty())
      lane.state = Open{behind->resume, behind->due, until};
  }
}

void Lanes::move(std::size_t lane, Position resume) {
  auto& state = lanes_[lane].state;
  if (auto* settling = std::get_if<Settling>(&state)) settling->resume = resume;
  if (auto* behind = std::get_if<Behind>(&state)) behind->resume = resume;
  if (auto* open = std::get_if<Open>(&state)) open->resume = resume;
}

void Lanes::level(std::size_t lane) {
  if (!lags(lane)) return;
  lanes_[lane].state = Level{};
  lanes_[lane].suspects = {};
  --lagging_;
}

bool Lanes::is_due(std::size_t lane, TimePoint now) const {
  const auto& at = lanes_[lane];
  return lags(lane) && !at.is_settling() && due_of(at.state) <= now;
}

TimePoint Lanes::next_due(TimePoint now) const {
  auto next = TimePoint::max();
  for (const auto& lane : lanes_) {
    const auto due = due_of(lane.state);
    if (due > now) next = std::min(next, due);
  }
  return next;
}

std::size_t Lanes::silent_since(TimePoint since) const {
  return static_cast<std::size_t>(
      std::count_if(lanes_.begin(), lanes_.end(), [since](const Lane& lane) {
        return lane.in_flight > 0 && lane.silent_since <= since;
      }));
}

bool Lanes::all_silent_since(TimePoint since) const {
  return in_flight_ > 0 && std::none_of(lanes_.begin(), lanes_.end(), [since](const Lane& lane) {
    return lane.in_flight > 0 && lane.silent_since > since;
  });
}

bool Lanes::any_reported_since(TimePoint since) const {
  return std::any_of(lanes_.begin(), lanes_.end(),
                     [since](const Lane& lane) { return lane.reported > since; });
}

bool Lanes::any_idle() const {
  return std::any_of(lanes_.begin(), lanes_.end(),
                     [](const Lane& lane) { return !lane.resume() && lane.in_flight == 0; });
}

}  // namespace punchline
