#include "agent/core/lanes.h"

#include <algorithm>
#include <cassert>
#include <utility>

#include "sinks/kafka_outcome.h"

namespace punchline {
namespace {

using std::chrono::milliseconds;

}  // namespace

Lanes::Lanes(std::size_t count, std::uint32_t seed) {
  for (std::size_t i = 0; i < count; ++i) {
    const auto noise = seed + static_cast<std::uint32_t>(i) * 2654435761U;  // Knuth's constant
    lanes_.emplace_back().backoff = Backoff(kRetryFirst, kRetryMost, noise);
  }
}

void Lanes::offered(std::size_t lane, std::uint32_t records, std::uint64_t epoch, TimePoint now) {
  if (lanes_[lane].in_flight == 0) lanes_[lane].silent_since = now;
  lanes_[lane].in_flight += records;
  lanes_[lane].epoch = epoch;
  in_flight_ += records;
}

void Lanes::lag(Lane& lane, Position resume) {
  if (!lane.resume) ++lagging_;
  lane.resume = std::min(lane.resume.value_or(resume), resume);
  lane.until.reset();
}

std::optional<Backoff::Millis> Lanes::take(const Delivery& delivery, TimePoint now) {
  auto& lane = lanes_[static_cast<std::size_t>(delivery.lane.partition)];
  assert(delivery.records <= lane.in_flight);
  lane.in_flight -= delivery.records;
  in_flight_ -= delivery.records;
  lane.reported = lane.silent_since = now;
  if (delivery.outcome != Outcome::persisted) {
    lag(lane, delivery.range.begin);
    lane.failed = true;
  } else if (!lane.failed) {
    lane.backoff.reset();
  }
  note(lane, delivery);
  if (!lane.failed || lane.in_flight > 0) return std::nullopt;
  lane.failed = false;
  const auto delay = Lanes::delay(lane);
  lane.due = now + delay;
  return delay;
}

void Lanes::note(Lane& lane, const Delivery& delivery) {
  if (delivery.outcome == Outcome::persisted) lane.refusals = 0;
  if (delivery.outcome != Outcome::refused) return;
  lane.refused = true;
  const bool first = lane.suspects.empty();
  lane.suspects = {
      first ? delivery.range.begin : std::min(lane.suspects.begin, delivery.range.begin),
      std::max(lane.suspects.end, delivery.range.end)};
  if (!delivery.alone) return;
  if (std::exchange(lane.suspect, delivery.range.begin) != lane.suspect) lane.refusals = 0;
  lane.refusals = is_certain_refusal(delivery.code) ? kRefusalsMax : lane.refusals + 1;
}

// The sink halves what it takes until the suspect is alone, so there is an end to it.
Backoff::Millis Lanes::delay(Lane& lane) {
  if (!std::exchange(lane.refused, false) || lane.refusals >= kRefusalsMax) {
    return lane.backoff.next();
  }
  return lane.refusals == 0 ? milliseconds{0} : kRefusalDelay;
}

void Lanes::forgive(std::size_t lane, TimePoint now) {
  lanes_[lane].refusals = 0;
  lanes_[lane].due = now;
  lanes_[lane].backoff.reset();
}

bool Lanes::lost(std::size_t lane, std::uint64_t epoch, Position front) {
  auto& at = lanes_[lane];
  if (at.in_flight == 0 || at.epoch == epoch) return false;
  in_flight_ -= at.in_flight;
  at.in_flight = 0;
  at.failed = at.refused = false;
  lag(at, front);
  return true;
}

// What an open lane has in flight may lie above what it left behind: that settles first.
void Lanes::leave_behind(std::size_t lane, Position resume, TimePoint now) {
  auto& at = lanes_[lane];
  at.failed = at.failed || (at.until && at.in_flight > 0);
  lag(at, resume);
  at.due = now;
}

void Lanes::open(Position until) {
  for (auto& lane : lanes_) {
    if (lane.resume && !lane.until && !lane.failed && lane.suspects.empty()) lane.until = until;
  }
}

void Lanes::level(std::size_t lane) {
  auto& at = lanes_[lane];
  if (!at.resume) return;
  at.resume.reset();
  at.until.reset();
  at.suspects = {};
  --lagging_;
}

bool Lanes::is_due(std::size_t lane, TimePoint now) const {
  const auto& at = lanes_[lane];
  return at.resume && !at.failed && at.due <= now;
}

TimePoint Lanes::next_due(TimePoint now) const {
  auto next = TimePoint::max();
  for (const auto& lane : lanes_) {
    if (lane.resume && !lane.failed && lane.due > now) next = std::min(next, lane.due);
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
                     [](const Lane& lane) { return !lane.resume && lane.in_flight == 0; });
}

}  // namespace punchline
