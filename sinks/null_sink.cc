#include "sinks/null_sink.h"

#include <algorithm>
#include <cassert>

namespace punchline {

NullSink::NullSink(std::int32_t partitions, std::size_t window_records)
    : partitions_(partitions), window_records_(window_records) {
  assert(partitions > 0);
}

NullSink::~NullSink() {
  for (const Taken& taken : taken_)
    taken.chunk->release(taken.delivery.records);
}

RouteId NullSink::open_route(const std::string& name) {
  const auto known = std::find(routes_.begin(), routes_.end(), name);
  if (known != routes_.end()) return static_cast<RouteId>(known - routes_.begin());
  routes_.push_back(name);
  lane_records_.emplace_back(static_cast<std::size_t>(partitions_));
  return static_cast<RouteId>(routes_.size() - 1);
}

std::int32_t NullSink::partition_count(RouteId route) const {
  return route < routes_.size() ? partitions_ : 0;
}

Room NullSink::room(Lane lane) const {
  if (stopped_) return {};
  const auto partition = static_cast<std::size_t>(lane.partition);
  return {window_records_ - lane_records_[lane.route][partition], std::size_t{1} << 24};
}

std::size_t NullSink::offer(Lane lane, std::span<const Record> run) {
  const std::size_t count = std::min(run.size(), room(lane).records);
  if (count == 0) return 0;
  run.front().chunk->hold(static_cast<std::uint32_t>(count));
  for (const Record& record : run.first(count))
    take(lane, record);
  lane_records_[lane.route][static_cast<std::size_t>(lane.partition)] += count;
  outstanding_ += count;
  wake_.wake();
  return count;
}

void NullSink::take(Lane lane, const Record& record) {
  if (!taken_.empty()) {
    Delivery& last = taken_.back().delivery;
    if (taken_.back().chunk == record.chunk && last.lane == lane &&
        last.range.end == record.range().begin) {
      last.range.end = record.range().end;
      ++last.records;
      last.payload_bytes += record.payload_bytes;
      return;
    }
  }
  Delivery delivery;
  delivery.lane = lane;
  delivery.owner = record.chunk->owner;
  delivery.outcome = Outcome::persisted;
  delivery.range = record.range();
  delivery.records = 1;
  delivery.payload_bytes = record.payload_bytes;
  taken_.push_back({delivery, record.chunk});
}

bool NullSink::poll(std::vector<Delivery>& deliveries, std::vector<Notice>& notices) {
  (void)notices;
  wake_.clear();
  for (const Taken& taken : taken_) {
    const Lane lane = taken.delivery.lane;
    lane_records_[lane.route][static_cast<std::size_t>(lane.partition)] -= taken.delivery.records;
    taken.chunk->release(taken.delivery.records);
    deliveries.push_back(taken.delivery);
  }
  taken_.clear();
  outstanding_ = 0;
  return false;
}

}  // namespace punchline
