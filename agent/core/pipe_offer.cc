// The part of Pipe that gives records to their lanes.

#include <algorithm>

#include "agent/core/pipe.h"

namespace punchline {
namespace {

constexpr Duration kFullLanePatience = std::chrono::seconds(1);

}  // namespace

// In relaxed order it is the backlog that drain_rate is for.
Outlet::Pace Pipe::pace(const Pass& pass, std::size_t lane) const {
  const bool is_limited = !is_relaxed() || (&pass == &own_ && !seeks_suspect(lane));
  return is_limited ? Outlet::Pace::limited : Outlet::Pace::free;
}

std::size_t Pipe::offer(Pass& pass, std::size_t lane, Position until, TimePoint now) {
  const auto pace = this->pace(pass, lane);
  auto run = outlet_.next(pass, lane, until, pace);
  if (run.empty()) return 0;
  const bool seen = run.front().range().begin < ledger_.read_to();
  if (seen) {
    const auto settled = std::find_if(run.begin() + 1, run.end(), [this](const Record& record) {
      return is_settled(record.range());
    });
    run = run.first(static_cast<std::size_t>(settled - run.begin()));
  }
  const auto taken = outlet_.send(lane, run, pace, now);
  if (seen) count_found(run.first(taken));
  if (envelope_.has_keys()) count_keyless(run.first(taken));
  pass.take(taken);
  return taken;
}

// What stands where something was set aside in its place, as in room that was written into since.
void Pipe::count_found(std::span<const Record> sent) {
  if (ledger_.aside().empty()) return;
  for (const auto& record : sent) {
    if (!ledger_.aside().find(record.range().begin)) continue;
    ledger_.take_back(record.range());
    gauges_.count_again(record.range());
  }
}

void Pipe::count_keyless(std::span<const Record> sent) {
  const auto count =
      std::count_if(sent.begin(), sent.end(), [](const Record& record) { return !record.key(); });
  parts_.metrics.records_keyless.add(static_cast<std::uint64_t>(count));
}

// A lane that is full and hears nothing does not hold up others: those that do hear, and those that
// have nothing left to hear of. Whether the latter are any better shows when they are given
// something; where nobody answers all have something in flight soon, and the main pass stops.
bool Pipe::leave_behind(std::size_t lane, TimePoint now) {
  const auto& at = lanes_[lane];
  if (at.in_flight == 0 || at.silent_since + kFullLanePatience > now) return false;
  if (!lanes_.any_reported_since(now - kFullLanePatience) && !lanes_.any_idle()) return false;
  lanes_.leave_behind(lane, main_.at(), now);
  if (catching_up_ == lane) end_own_pass();
  return true;
}

}  // namespace punchline
