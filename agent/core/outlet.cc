#include "agent/core/outlet.h"

#include <algorithm>
#include <numeric>

namespace punchline {
namespace {

// How many records of `run` fit into `payload_bytes`. One always does.
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

Outlet::Outlet(Sink& sink, ChunkPool& pool, const std::string& topic, Lanes& lanes,
               const Partitions& partitions, std::uint64_t bytes_per_second)
    : sink_(sink),
      pool_(pool),
      route_(sink.open_route(topic)),
      lanes_(lanes),
      partitions_(partitions),
      rate_(bytes_per_second) {}

std::size_t Outlet::partitions_told() const {
  return static_cast<std::size_t>(std::max(0, sink_.partition_count(route_)));
}

// Partitions that do not answer must not hold all of the memory: other lanes and other pipes need
// some. The last quarter is for lanes that have nothing in flight.
bool Outlet::may_hold_more(std::size_t lane) const {
  return lanes_[lane].in_flight == 0 || pool_.lent_bytes() <= pool_.bytes_max() / 4 * 3;
}

bool Outlet::takes_any() const {
  for (std::size_t lane = 0; lane < lanes_.count(); ++lane)
    if (takes(lane)) return true;
  return false;
}

TimePoint Outlet::open_due(TimePoint now) const {
  return rate_.due() > now ? rate_.due() : TimePoint::max();
}

std::span<const Record> Outlet::next(const Pass& pass, std::size_t lane, Position until,
                                     Pace pace) const {
  const auto room = this->room(lane);
  const auto bytes = pace == Pace::limited
                         ? std::min<std::uint64_t>(room.payload_bytes, rate_.left())
                         : room.payload_bytes;
  if (room.records == 0 || bytes == 0 || !may_hold_more(lane)) return {};
  const auto stripe = std::min(until, partitions_.stripe_end(pass.at()));
  const auto run = pass.run(stripe, room.records);
  return partitions_.of_one(run.first(fitting(run, bytes)));
}

std::size_t Outlet::send(std::size_t lane, std::span<const Record> run, Pace pace, TimePoint now) {
  const auto taken = sink_.offer(to(lane), run);
  lanes_.offered(lane, static_cast<std::uint32_t>(taken), now);
  if (pace == Pace::limited && rate_.is_limit()) rate_.take(payload_bytes(run.first(taken)));
  return taken;
}

}  // namespace punchline
