#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "buffer/base/backoff.h"
#include "buffer/base/byte_range.h"
#include "buffer/base/clock.h"
#include "sinks/sink.h"

namespace punchline {

/// What one buffer has in flight on each partition, and where each that fell behind goes on.
///
/// A lane is *level* while it follows the main pass. When a record of it is not persisted, it
/// *lags*: nothing more of it is offered until all its reports are in and the back-off is over;
/// then a pass of its own goes from its `resume` position up to the main pass. So a lane needs one
/// number, however much waits for it, and order within it is kept. Pure. One thread.
///
/// In relaxed order a lane that lags may be *open*: its own pass goes up to `until` only, where the
/// main pass stood at the end of the file, and from there on the main pass offers as it reads. So
/// each record belongs to one of the two. A failure closes the lane, since it may be of either.
/// What was refused goes before the rest, until all of it has arrived or is kept elsewhere.
///
/// A record that was refused alone kRefusalsMax times in a row, or once for certain, is *poison*:
/// whoever keeps it elsewhere may go on behind it. While it is looked for there is no delay.
class Lanes {
 public:
  static constexpr int kRefusalsMax = 3;
  static constexpr std::chrono::milliseconds kRefusalDelay{20};
  static constexpr std::chrono::milliseconds kRetryFirst{100};
  static constexpr std::chrono::milliseconds kRetryMost{10'000};

  struct Lane {
    std::uint32_t in_flight = 0;     ///< Records with the sink.
    std::uint64_t epoch = 0;         ///< Of the sink, in which they were offered.
    std::optional<Position> resume;  ///< Lagging: its records from here on are still to be offered.
    std::optional<Position> until;   ///< Open: from here on its records are the main pass's.
    ByteRange suspects;              ///< In relaxed order: one of these was refused. Empty: none.
    bool failed = false;             ///< Lagging because of a report: settle first, then wait.
    bool refused = false;            ///< That report was a refusal.
    Position suspect = 0;            ///< Was refused alone ...
    int refusals = 0;                ///< ... so often in a row.
    TimePoint due{};                 ///< Not to be offered before.
    TimePoint reported{};            ///< When its last report came.
    TimePoint silent_since{};        ///< That, or when it began to have something in flight.
    Backoff backoff{kRetryFirst, kRetryMost, 0};
  };

  Lanes(std::size_t count, std::uint32_t seed);

  std::size_t count() const { return lanes_.size(); }
  const Lane& operator[](std::size_t at) const { return lanes_[at]; }

  /// `epoch` is that of the lane in the sink.
  void offered(std::size_t lane, std::uint32_t records, std::uint64_t epoch, TimePoint now);
  /// A report. Returns the delay before the lane is tried again, where this report began one.
  std::optional<Backoff::Millis> take(const Delivery& delivery, TimePoint now);
  /// The sink has reached this epoch: if anything was in flight its fate is unknown, the lane goes
  /// on at `front`, and this returns true.
  bool lost(std::size_t lane, std::uint64_t epoch, Position front);

  /// Its suspect is poison.
  bool has_poison(std::size_t lane) const { return lanes_[lane].refusals >= kRefusalsMax; }
  /// The suspect is kept elsewhere: the lane goes on at once.
  void forgive(std::size_t lane, TimePoint now);

  /// The lane falls behind without a fault of its records (it is full, others are not).
  void leave_behind(std::size_t lane, Position resume, TimePoint now);
  /// All of its suspects are settled.
  void clear_suspects(std::size_t lane) { lanes_[lane].suspects = {}; }
  /// Opens each lane that lags, has settled and has no suspect: the main pass, which has come to
  /// `until`, leaves nothing of it behind from there on.
  void open(Position until);
  bool is_open(std::size_t lane) const { return lanes_[lane].until.has_value(); }
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
  /// How many have something in flight of which nothing was heard since `since`.
  std::size_t silent_since(TimePoint since) const;
  /// All of those that have something in flight, and there are some.
  bool all_silent_since(TimePoint since) const;
  /// Any lane with a report since `since`.
  bool any_reported_since(TimePoint since) const;
  /// Any lane that is level and has nothing in flight.
  bool any_idle() const;

 private:
  void lag(Lane& lane, Position resume);
  static void note(Lane& lane, const Delivery& delivery);
  static Backoff::Millis delay(Lane& lane);

  std::vector<Lane> lanes_;
  std::size_t lagging_ = 0;
  std::uint64_t in_flight_ = 0;
};

}  // namespace punchline
