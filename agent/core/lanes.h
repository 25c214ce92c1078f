#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <variant>
#include <vector>

#include "buffer/base/backoff.h"
#include "buffer/base/byte_range.h"
#include "buffer/base/clock.h"
#include "sinks/sink.h"

namespace punchline {

/// What one buffer has in flight on each partition, and where each that fell behind goes on.
///
/// A lane is *level* while it follows the main pass. When a record of it is not persisted, it
/// *lags*. First it is *settling*: nothing more of it is offered until all its reports are in. Then
/// it is *behind*: once its back-off is over a pass of its own goes from its `resume` position up to
/// the main pass. So a lane needs one number, however much waits for it, and order within it is
/// kept.
///
/// In relaxed order a lane that is behind may be *open*: its own pass goes up to `until` only, where
/// the main pass was at the end of the file, and from there on the main pass offers as it reads. So
/// each record belongs to one of the two. A failure closes the lane, since it may be of either.
/// What was refused goes before the rest, until all of it has arrived or is kept elsewhere.
///
/// A record that was refused alone kRefusalsMax times in a row, or once for certain, is *poison*:
/// whoever keeps it elsewhere may go on after it. While it is looked for there is no delay.
///
/// Pure. One thread.
class Lanes {
 public:
  static constexpr int kRefusalsMax = 3;
  static constexpr std::chrono::milliseconds kRefusalDelay{20};
  static constexpr std::chrono::milliseconds kRetryFirst{100};
  static constexpr std::chrono::milliseconds kRetryMost{10'000};

  struct Level {};
  struct Settling {
    Position resume;       ///< Its records from here on are still to be offered.
    bool refused = false;  ///< One of the reports was a refusal.
  };
  struct Behind {
    Position resume;
    TimePoint due{};  ///< Not to be offered before.
  };
  struct Open {
    Position resume;
    TimePoint due{};
    Position until;  ///< From here on its records are the main pass's.
  };

  struct Lane {
    std::variant<Level, Settling, Behind, Open> state;
    std::uint32_t in_flight = 0;  ///< Records with the sink.
    std::uint64_t epoch = 0;      ///< Of the sink, in which they were offered.
    ByteRange suspects;           ///< One of these was refused. Empty: none.
    Position suspect = 0;         ///< Was refused alone ...
    int refusals = 0;             ///< ... so often in a row.
    TimePoint reported{};         ///< When its last report came.
    TimePoint silent_since{};     ///< That, or when it began to have something in flight.
    Backoff backoff{kRetryFirst, kRetryMost, 0};

    bool is_settling() const { return std::holds_alternative<Settling>(state); }
    /// Where it goes on; nothing for one that is level.
    std::optional<Position> resume() const;
    /// Nothing for one that is not open.
    std::optional<Position> until() const;
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

  /// The lane falls behind without a fault of its records (it is full, others are not), and goes on
  /// when `due`.
  void leave_behind(std::size_t lane, Position resume, TimePoint due);
  /// All of its suspects are settled.
  void clear_suspects(std::size_t lane) { lanes_[lane].suspects = {}; }
  /// Opens each lane that is behind and has no suspect: the main pass, which has come to
  /// `until`, leaves nothing of it behind from there on.
  void open(Position until);
  bool is_open(std::size_t lane) const {
    return std::holds_alternative<Open>(lanes_[lane].state);
  }
  /// Its own pass has come this far.
  void move(std::size_t lane, Position resume);
  /// Its own pass has caught up with the main pass.
  void level(std::size_t lane);

  bool lags(std::size_t lane) const {
    return !std::holds_alternative<Level>(lanes_[lane].state);
  }
  /// It lags, has settled, and its delay is over.
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
  void settle(Lane& lane, Position resume, bool refused);
  void fall_behind(Lane& lane, Position resume, TimePoint due);
  static void note(Lane& lane, const Delivery& delivery);
  static Backoff::Millis delay(Lane& lane, bool refused);

  std::vector<Lane> lanes_;
  std::size_t lagging_ = 0;
  std::uint64_t in_flight_ = 0;
};

}  // namespace punchline
