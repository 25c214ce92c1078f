#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

#include "agent/core/lanes.h"
#include "agent/core/partitions.h"
#include "agent/core/pass.h"
#include "agent/core/rate_limit.h"
#include "buffer/base/byte_range.h"
#include "buffer/base/clock.h"
#include "sinks/chunk.h"
#include "sinks/sink.h"

namespace punchline {

/// Gives a buffer's records to the sink. Decides how many of those that a pass has read may go to a
/// lane now: by the sink's room, by the memory that others need, and by drain_rate. One thread.
class Outlet {
 public:
  /// Whether drain_rate counts for a record.
  enum class Pace : std::uint8_t { limited, free };

  /// All must outlive it. `bytes_per_second`: drain_rate; 0 for no limit.
  Outlet(Sink& sink, ChunkPool& pool, const std::string& topic, Lanes& lanes,
         const Partitions& partitions, std::uint64_t bytes_per_second);

  /// How many partitions the topic has, as far as the sink knows; 0 if that is not known.
  std::size_t partitions_told() const;
  bool is_topic_missing() const { return sink_.is_missing(route_); }
  bool goes_to(RouteId route) const { return route == route_; }

  /// While it is held, nothing goes out.
  void hold(bool held) { is_held_ = held; }
  bool is_held() const { return is_held_; }

  /// The lane takes at least one more record.
  bool takes(std::size_t lane) const { return room(lane).records > 0 && may_hold_more(lane); }
  bool takes_any() const;
  /// drain_rate lets something out.
  bool is_open(TimePoint now) { return rate_.is_open(now); }
  /// When drain_rate lets something out again. TimePoint::max() if it does now, or if that time has
  /// come: anything else that holds records up ends with a report, or has a due time of its own.
  TimePoint open_due(TimePoint now) const;

  /// The first records of `pass` that begin below `until` and may go now to `lane`, which must be
  /// the lane of the first of them. Empty if none may.
  std::span<const Record> next(const Pass& pass, std::size_t lane, Position until, Pace pace) const;
  /// Gives them to the sink; returns how many it took.
  std::size_t send(std::size_t lane, std::span<const Record> run, Pace pace, TimePoint now);

 private:
  Lane to(std::size_t lane) const { return {route_, static_cast<std::int32_t>(lane)}; }
  Room room(std::size_t lane) const { return is_held_ ? Room{} : sink_.room(to(lane)); }
  bool may_hold_more(std::size_t lane) const;

  Sink& sink_;
  ChunkPool& pool_;
  RouteId route_;
  Lanes& lanes_;
  const Partitions& partitions_;
  RateLimit rate_;
  bool is_held_ = false;
};

}  // namespace punchline
