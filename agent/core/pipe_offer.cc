// The part of Pipe that gives records to their lanes.

#include <algorithm>
#include <numeric>

#include "agent/core/pipe.h"

namespace punchline {
namespace {

constexpr Duration kFullLanePatience = std::chrono::seconds(1);

// How many of `run` fit into `payload_bytes`; one always does.
std::size_t fitting(std::span<const Record> run, std::size_t payload_bytes) {
  std::size_t bytes = 0;
  for (std::size_t count = 0; count < run.size(); ++count) {
    bytes += run[count].payload_bytes;
    if (bytes > payload_bytes) return std::max<std::size_t>(count, 1);
  }
  return run.size();
}

std::uint64_t payload_bytes(std::span<const Record> records) {
  return std::accumulate(
      records.begin(), records.end(), std::uint64_t{0},
      [](std::uint64_t sum, const Record& record) { return sum + record.payload_bytes; });
}

}  // namespace

// In relaxed order it is the backlog that drain_rate is for.
bool Pipe::is_paced(const Pass& pass, std::size_t lane) const {
  return !is_relaxed() || (&pass == &own_ && !seeks_suspect(lane));
}

// What partitions that do not answer hold in memory must not be all there is, neither for the other
// lanes nor for other pipes: the last quarter is for lanes that have nothing in flight.
bool Pipe::may_hold_more(std::size_t lane) const {
  const auto& pool = parts_.pool;
  return lanes_[lane].in_flight == 0 || pool.lent_bytes() <= pool.bytes_max() / 4 * 3;
}

Room Pipe::room(std::size_t lane) const {
  if (held_) return {};
  return parts_.sink.room({route_, static_cast<std::int32_t>(lane)});
}

// Else what is read is read for nothing, and given back.
bool Pipe::takes_any() const {
  for (std::size_t lane = 0; lane < lanes_.count(); ++lane)
    if (room(lane).records > 0 && may_hold_more(lane)) return true;
  return false;
}

std::size_t Pipe::offer(Pass& pass, std::size_t lane, Position until, TimePoint now) {
  const Lane to{route_, static_cast<std::int32_t>(lane)};
  const auto room = this->room(lane);
  const auto rate = is_paced(pass, lane) ? rate_limit_.left() : room.payload_bytes;
  if (room.records == 0 || rate == 0 || !may_hold_more(lane)) return 0;
  auto run = pass.run(until, room.records);
  const auto bytes = std::min<std::uint64_t>(room.payload_bytes, rate);
  const bool is_keyless = space_.format() == Format::lines && !envelope_.has_keys();
  run = partitions_.of_one(run.first(fitting(run, bytes)), is_keyless);
  const bool seen = run.front().range().begin < ledger_.read_to();
  if (seen) {
    const auto settled = std::find_if(run.begin() + 1, run.end(), [this](const Record& record) {
      return is_settled(record.range());
    });
    run = run.first(static_cast<std::size_t>(settled - run.begin()));
  }
  const auto taken = parts_.sink.offer(to, run);
  if (seen) count_found(run.first(taken));
  lanes_.offered(lane, static_cast<std::uint32_t>(taken), parts_.sink.epoch(to), now);
  if (envelope_.has_keys()) count_keyless(run.first(taken));
  if (config_.drain_rate > 0 && is_paced(pass, lane))
    rate_limit_.take(payload_bytes(run.first(taken)));
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
