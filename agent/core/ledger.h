#pragma once

#include <cstddef>
#include <cstdint>

#include "buffer/base/byte_range.h"
#include "buffer/interval_set.h"

namespace punchline {

/// Remembers what became of each byte of a buffer.
///
/// Everything up to the *front* is *done*, and so are some ranges after it: Kafka has confirmed
/// them, or they are durable elsewhere, or they hold nothing. What is done stays done and may be
/// freed (freer.h); nothing else is ever freed. What is *set aside* is not done, but does not wait
/// for Kafka either: it waits for its copy, or stays in its place. The ledger does not know what is
/// in flight.
///
/// Pure. Takes a node of memory for each range. forget() bounds the done ranges above the front,
/// kAsideMax those that are set aside. One thread.
class Ledger {
 public:
  static constexpr std::size_t kAsideMax = 4096;  ///< Ranges.

  /// All below `front` is done, and nothing above has been read.
  explicit Ledger(Position front) : front_(front), read_to_(front) {}

  /// The first record that has not been read yet begins here, or later.
  Position read_to() const { return read_to_; }
  void note_read(Position end) { read_to_ = end; }

  /// `range` is done. It may overlap what is done already. Returns the part of it after the old
  /// front.
  ByteRange done(ByteRange range);
  /// The same for room that a producer has made ahead (Item::Kind::room). Returns an empty range if
  /// all of it was done already.
  ByteRange pass_room(ByteRange range);
  /// Forgets a done range above the front, which the file itself remembers.
  void forget(ByteRange range) { above_.erase(range); }

  bool is_done(ByteRange range) const;
  /// Everything below this position is done, and what begins here is not.
  Position front() const { return front_; }
  /// The ranges above the front that are done.
  const IntervalSet& above() const { return above_; }
  /// The first byte at or after `from` that is not done.
  Position first_undone(Position from) const;
  /// Bytes of `range` that are not done.
  std::uint64_t undone_bytes(ByteRange range) const;
  /// Some of the room that was passed ends above the front.
  bool has_room_above() const { return room_to_ > front_; }

  /// `range` is set aside, in its place for now. Beyond kAsideMax ranges it merely counts as
  /// waiting.
  void set_aside(ByteRange range);
  /// `range` is no longer set aside: it is kept elsewhere, or records were written there since.
  void take_back(ByteRange range) { aside_.erase(range); }
  const IntervalSet& aside() const { return aside_; }

  /// Nothing of `range` is to be offered: its copy is on its way, or it stays in place and would
  /// only be refused again. A held range can also lie below the front, if it is a stray.
  void hold(ByteRange range) { held_.insert(range); }
  void release(ByteRange range) { held_.erase(range); }
  bool holds(ByteRange range) const { return held_.contains(range); }
  std::size_t held_ranges() const { return held_.size(); }

  /// Nothing of `range` is to be offered any more.
  bool is_settled(ByteRange range) const { return is_done(range) || holds(range); }
  /// Bytes between the front and `end` that are neither done nor set aside.
  std::uint64_t waiting_bytes(Position end) const;
  /// The first byte that is neither done nor set aside.
  Position first_waiting() const;

 private:
  void note(ByteRange range);

  Position front_;
  Position read_to_;
  IntervalSet above_;
  IntervalSet aside_;
  IntervalSet held_;
  Position room_to_ = 0;  // end of the last room that was passed
};

}  // namespace punchline
