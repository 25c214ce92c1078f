#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "agent/backoff.h"
#include "agent/clock.h"
#include "buffer/byte_range.h"
#include "sinks/sink.h"

namespace punchline {

/// What one buffer has in flight on each partition, and where each that fell behind goes on.
///
/// A lane is *level* while it follows the main pass. When a record of it is not persisted, it
/// *lags*: nothing more of it is offered until all its reports are in and the back-off is over;
/// then a pass of its own goes from its `resume` position up to the main pass. So a lane needs one
/// number, however much waits for it, and order within it is kept. Pure. One thread.
class Lanes {
 public:
  struct Lane {
    std::uint32_t in_flight = 0;     ///< Records with the sink.
    std::optional<Position> resume;  ///< Lagging: its records from here on are still to be offered.
    bool failed = false;             ///< Lagging because of a report: settle first, then wait.
    TimePoint due{};                 ///< Not to be offered before.
    TimePoint reported{};            ///< When its last report came.
    Backoff backoff;
  };

  Lanes(std::size_t count, std::uint32_t seed);

  std::size_t count() const { return lanes_.size(); }
  const Lane& operator[](std::size_t at) const { return lanes_[at]; }

  void offered(std::size_t lane, std::uint32_t records);
  /// A report. Returns the delay before the lane is tried again, where this report began one.
  std::optional<Backoff::Millis> take(const Delivery& delivery, TimePoint now);
  /// Everything in flight is of unknown fate: the lanes concerned go on at `front`.
  void lost(Position front);

  /// The lane falls behind without a fault of its records (it is full, others are not).
  void leave_behind(std::size_t lane, Position resume, TimePoint now);
  /// Its own pass has come this far.
  void move(std::size_t lane, Position resume) { lanes_[lane].resume = resume; }
  /// Its own pass has caught up with the main pass.
  void level(std::size_t lane);

  bool lags(std::size_t lane) const { return lanes_[lane].resume.has_value(); }
  /// Lagging, settled, and its delay over.
  bool is_due(std::size_t lane, TimePoint now) const;
  std::size_t lagging() const { return lagging_; }
  bool all_lag() const { return lagging_ == lanes_.size(); }
  std::uint64_t in_flight() const { return in_flight_; }
  /// When the first of the delays is over; TimePoint::max() for none.
  TimePoint next_due(TimePoint now) const;
  /// Any lane with a report since `since`.
  bool any_reported_since(TimePoint since) const;

 private:
  void lag(Lane& lane, Position resume);

  std::vector<Lane> lanes_;
  std::size_t lagging_ = 0;
  std::uint64_t in_flight_ = 0;
};

}  // namespace punchline
