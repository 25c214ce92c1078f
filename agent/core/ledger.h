#pragma once

#include <cstddef>
#include <cstdint>

#include "buffer/base/byte_range.h"
#include "buffer/interval_set.h"

namespace punchline {

/// What became of each byte of a buffer.
///
/// Up to the *front* all is *done*, after it some ranges are: Kafka has confirmed them, or they are
/// durable elsewhere, or there is nothing. What is done stays done and may be freed (freer.h);
/// nothing else ever is. What is *set aside* is not done, but does not wait for Kafka either: it
/// waits for its copy, or stays in its place. What is in flight the ledger does not know.
///
/// Pure. A node of memory for each range: those above the front are bounded by forget(), those that
/// are set aside by kAsideMax. One thread.
class Ledger {
 public:
  static constexpr std::size_t kAsideMax = 4096;  ///< Ranges.

  /// All below `front` is done, and nothing above has been read.
  explicit Ledger(Position front) : front_(front), read_to_(front) {}

  /// The first record that has not been read yet begins here, or later.
  Position read_to() const { return read_to_; }
  void note_read(Position end) { read_to_ = end; }

  /// `range` is done; it may overlap what is done already. Returns what of it lies after the old
  /// front.
  ByteRange done(ByteRange range);
  /// The same of room that a producer has made ahead (Item::Kind::room). Returns an empty range if
  /// all of it was done already.
  ByteRange pass_room(ByteRange range);
  /// `range`, above the front, is remembered by the file itself.
  void forget(ByteRange range) { above_.erase(range); }

  bool is_done(ByteRange range) const;
  /// Everything below is done, and what begins here is not.
  Position front() const { return front_; }
  /// The ranges above the front that are done.
  const IntervalSet& above() const { return above_; }
  /// The first byte at or after `from` that is not done.
  Position first_undone(Position from) const;
  /// Bytes of `range` that are not done.
  std::uint64_t undone_bytes(ByteRange range) const;
  /// Room was passed that ends above the front.
  bool has_room_above() const { return room_to_ > front_; }

  /// `range` is set aside where it stands. Beyond kAsideMax ranges it merely counts as waiting.
  void set_aside(ByteRange range);
  /// It is not any more: it is kept elsewhere, or records stand there now.
  void take_back(ByteRange range) { aside_.erase(range); }
  const IntervalSet& aside() const { return aside_; }

  /// Nothing of `range` is to be offered: its copy is on its way, or it stays and would only be
  /// refused again. What is held may lie below the front, too: a stray.
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
  Position room_to_ = 0;  // where the last room ends that was passed
};

}  // namespace punchline
