#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <vector>

#include "buffer/base/byte_range.h"
#include "buffer/interval_set.h"
#include "sinks/sink.h"

namespace punchline {

/// Frames that stand where everything was done (buffer/FORMAT.md, "Below the front"): each proves
/// itself, and so is sent from its place.
///
/// Keeps the stretches that are to be read, and which frames of them are with the sink. Bounded by
/// what one look finds. Pure. One thread.
class StrayFrames {
 public:
  static constexpr int kRefusalsMax = 3;       ///< Alone.
  static constexpr int kSharedPerRefusal = 4;  ///< So many with others count as one.

  /// A stretch in which frames may stand.
  void add(ByteRange stretch) { waiting_.insert(stretch); }
  /// The same, and it has not changed for a while: what is no frame there will become none.
  void add_settled(ByteRange stretch);
  bool is_settled(ByteRange range) const { return settled_.contains(range); }
  /// The lowest stretch that is to be read.
  std::optional<ByteRange> first() const { return waiting_.first(); }
  /// It has been taken care of.
  void pass(ByteRange range);
  /// `frame`, whose bytes have this checksum, is with the sink, on this partition.
  void offered(ByteRange frame, std::int32_t partition, std::uint32_t checksum);

  struct Offered {
    ByteRange range;
    std::int32_t partition = 0;
    std::uint32_t checksum = 0;  ///< Of what was sent: others may have come in its place since.
  };
  /// A report: those of its frames that had been offered from here. They are no longer with the
  /// sink, and what becomes of them the caller says.
  std::vector<Offered> take(const Delivery& delivery);
  /// It was refused, with others or alone: to be offered again, without others from here. False
  /// where that has been so too often.
  bool refused(ByteRange frame, bool alone);
  bool is_suspect(ByteRange frame) const { return refusals_.count(frame.begin) > 0; }
  bool is_offering() const { return !in_flight_.empty(); }
  /// What this partition has been given is to be offered again.
  void lose(std::int32_t partition);

  /// Something that is to be read, or with the sink, ends before `range` or begins behind it, where
  /// no more NULs lie between than a frame may hold.
  bool has_beside(ByteRange range) const;
  bool empty() const { return waiting_.empty() && in_flight_.empty(); }

 private:
  IntervalSet waiting_;
  IntervalSet settled_;
  std::map<Position, Offered> in_flight_;  // by where they begin
  std::map<Position, int> refusals_;       // of those that are not settled, shared ones
};

}  // namespace punchline
