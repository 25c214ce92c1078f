#include "agent/lanes.h"

#include <algorithm>
#include <cassert>

namespace punchline {
namespace {

using std::chrono::milliseconds;
constexpr milliseconds kRetryFirst{100};
constexpr milliseconds kRetryMost{10'000};

}  // namespace

Lanes::Lanes(std::size_t count, std::uint32_t seed) {
  for (std::size_t i = 0; i < count; ++i) {
    const auto noise = seed + static_cast<std::uint32_t>(i) * 2654435761U;  // Knuth's constant
    lanes_.push_back({0, {}, false, {}, {}, Backoff(kRetryFirst, kRetryMost, noise)});
  }
}

void Lanes::offered(std::size_t lane, std::uint32_t records) {
  lanes_[lane].in_flight += records;
  in_flight_ += records;
}

void Lanes::lag(Lane& lane, Position resume) {
  if (!lane.resume) ++lagging_;
  lane.resume = std::min(lane.resume.value_or(resume), resume);
}

std::optional<Backoff::Millis> Lanes::take(const Delivery& delivery, TimePoint now) {
  auto& lane = lanes_[static_cast<std::size_t>(delivery.lane.partition)];
  assert(delivery.records <= lane.in_flight);
  lane.in_flight -= delivery.records;
  in_flight_ -= delivery.records;
  lane.reported = now;
  if (delivery.outcome != Outcome::persisted) {
    lag(lane, delivery.range.begin);
    lane.failed = true;
  } else if (!lane.failed) {
    lane.backoff.reset();
  }
  if (!lane.failed || lane.in_flight > 0) return std::nullopt;
  lane.failed = false;
  const auto delay = lane.backoff.next();
  lane.due = now + delay;
  return delay;
}

void Lanes::lost(Position front) {
  for (auto& lane : lanes_) {
    if (lane.in_flight == 0) continue;
    lane.in_flight = 0;
    lane.failed = false;
    lag(lane, front);
  }
  in_flight_ = 0;
}

void Lanes::leave_behind(std::size_t lane, Position resume, TimePoint now) {
  lag(lanes_[lane], resume);
  lanes_[lane].due = now;
}

void Lanes::level(std::size_t lane) {
  if (!lanes_[lane].resume) return;
  lanes_[lane].resume.reset();
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

bool Lanes::any_reported_since(TimePoint since) const {
  return std::any_of(lanes_.begin(), lanes_.end(),
                     [since](const Lane& lane) { return lane.reported > since; });
}

}  // namespace punchline
