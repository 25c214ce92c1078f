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

/// Keeps what one buffer has in flight on each partition, and where each lane that fell behind goes
/// on.
///
/// A lane is *level* while it follows the main pass. When one of its records is not persisted, it
/// *lags*. First it is *settling*: nothing more is offered to it until all its reports are in. Then
/// it is *behind*: once its back-off is over, a pass of its own goes from its `resume` position up
/// to the main pass. So a lane needs one number, however much waits for it, and its order is kept.
///
/// In relaxed order a lane that is behind may be *open*. Its own pass then goes only up to `until`,
/// where the main pass was at the end of the file; from there on the main pass offers as it reads.
/// So each record belongs to exactly one of the two passes. A failure closes the lane, since the
/// record can belong to either. Refused records go before the rest, until all of them have arrived
/// or are kept elsewhere.
///
/// A record that was refused alone kRefusalsMax times in a row, or once for certain, is *poison*:
/// the lane may go on after it once it is kept elsewhere. While it is looked for there is no
/// back-off, only kRefusalDelay after a refusal alone.
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
    TimePoint due{};  ///< Nothing of it is to be offered before.
  };
  struct Open {
    Position resume;
    TimePoint due{};
    Position until;  ///< From here on its records belong to the main pass.
  };

  struct Lane {
    std::variant<Level, Settling, Behind, Open> state;
    std::uint32_t in_flight = 0;  ///< Records with the sink.
    ByteRange suspects;           ///< One of these records was refused. Empty: none.
    Position suspect = 0;         ///< The record that was refused alone ...
    int refusals = 0;             ///< ... so often in a row.
    TimePoint reported{};         ///< When its last report came.
    TimePoint silent_since{};     ///< That, or when it began to have something in flight.
    Backoff backoff{kRetryFirst, kRetryMost, 0};

    bool is_settling() const { return std::holds_alternative<Settling>(state); }
    /// Where it goes on; empty if it is level.
    std::optional<Position> resume() const;
    /// Empty if it is not open.
    std::optional<Position> until() const;
  };

  Lanes(std::size_t count, std::uint32_t seed);

  std::size_t count() const { return lanes_.size(); }
  const Lane& operator[](std::size_t at) const { return lanes_[at]; }

  /// The sink has taken records of this lane.
  void offered(std::size_t lane, std::uint32_t records, TimePoint now);
  /// A report. Returns the delay before the lane is tried again, if this report began one.
  std::optional<Backoff::Millis> take(const Delivery& delivery, TimePoint now);
  /// The sink has lost what this lane had in flight. If there was anything, its fate is unknown:
  /// the lane goes on at `front`, and this returns true.
  bool lost(std::size_t lane, Position front);

  /// Its suspect is poison.
  bool has_poison(std::size_t lane) const { return lanes_[lane].refusals >= kRefusalsMax; }
  /// The suspect no longer holds the lane up: it goes on at once.
  void forgive(std::size_t lane, TimePoint now);

  /// The lane falls behind through no fault of its records (it is full, others are not), and goes
  /// on at `due`.
  void leave_behind(std::size_t lane, Position resume, TimePoint due);
  /// All of its suspects are settled.
  void clear_suspects(std::size_t lane) { lanes_[lane].suspects = {}; }
  /// Opens each lane that is behind and has no suspect. The main pass, which has come to `until`,
  /// skips none of its records from there on.
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
  /// How many lanes have something in flight and have heard nothing of it since `since`.
  std::size_t silent_since(TimePoint since) const;
  /// All lanes that have something in flight have heard nothing since then, and there are some.
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
