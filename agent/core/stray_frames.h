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

/// Frames that were written where everything was done (buffer/FORMAT.md, "Below the front"). Each
/// proves itself whole, and so is sent from its place.
///
/// Keeps the stretches that are to be read, and which of their frames are with the sink. Bounded by
/// what one look finds. Pure. One thread.
class StrayFrames {
 public:
  static constexpr int kRefusalsMax = 3;       ///< Of one frame alone.
  static constexpr int kSharedPerRefusal = 4;  ///< So many with others count as one alone.

  /// A stretch in which there may be frames.
  void add(ByteRange stretch) { waiting_.insert(stretch); }
  /// The same for a stretch that has not changed for a while: bytes that are no frame will not
  /// become one.
  void add_settled(ByteRange stretch);
  bool is_settled(ByteRange range) const { return settled_.contains(range); }
  /// The lowest stretch that is to be read.
  std::optional<ByteRange> first() const { return waiting_.first(); }
  /// `range` has been dealt with.
  void pass(ByteRange range);
  /// `frame`, whose bytes have this checksum, is with the sink, on this partition.
  void offered(ByteRange frame, std::int32_t partition, std::uint32_t checksum);

  struct Offered {
    ByteRange range;
    std::int32_t partition = 0;
    std::uint32_t checksum = 0;  ///< Of the bytes that were sent: others may be there since.
  };
  /// A report. Returns those of its frames that were offered from here. They are no longer with the
  /// sink; the caller decides what becomes of them.
  std::vector<Offered> take(const Delivery& delivery);
  /// `frame` was refused, alone or with others, and is to be offered again, without others from
  /// here. False if it was refused too often.
  bool refused(ByteRange frame, bool alone);
  bool is_suspect(ByteRange frame) const { return refusals_.count(frame.begin) > 0; }
  bool is_offering() const { return !in_flight_.empty(); }
  /// The frames that this partition was given are to be offered again.
  void lose(std::int32_t partition);

  /// Something that is to be read, or is with the sink, ends before `range` or begins after it, and
  /// between them are no more NULs than a frame may hold.
  bool has_beside(ByteRange range) const;
  bool empty() const { return waiting_.empty() && in_flight_.empty(); }

 private:
  IntervalSet waiting_;
  IntervalSet settled_;
  std::map<Position, Offered> in_flight_;  // by where they begin
  std::map<Position, int> refusals_;       // in shared ones, of frames not dealt with yet
};

}  // namespace punchline
