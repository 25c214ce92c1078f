#pragma once

#include <cstdint>

#include "buffer/base/byte_range.h"
#include "buffer/interval_set.h"

namespace punchline {

/// What became of each byte of a buffer: up to the *front* all is done, after it some ranges are.
///
/// A range is done once Kafka has confirmed it, once its copy is durable elsewhere, or where there
/// is nothing. A byte that is done stays done; what is done may be freed (freer.h), and nothing else
/// ever is. Pure, and one node of memory a range above the front: who owns a ledger bounds those by
/// forget(). One thread.
class Ledger {
 public:
  /// All below `front` is done.
  explicit Ledger(Position front) : front_(front) {}

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

 private:
  void note(ByteRange range);

  Position front_;
  IntervalSet above_;
  Position room_to_ = 0;  // where the last room ends that was passed
};

}  // namespace punchline
