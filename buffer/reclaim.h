#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "buffer/base/byte_range.h"
#include "buffer/interval_set.h"
#include "buffer/state.h"

namespace punchline {

/// Decides which bytes to give back to the filesystem. Pure: it plans, somebody else punches.
///
/// Two rules (buffer/FORMAT.md, "Freeing"):
///   F1 below the stored front: whole blocks, 4,096 bytes or more, no edge is ever zeroed; in format
///      lines all but the one that holds the newline before the front;
///   F2 above it, in format lines: a done range [a, b) as [a, b-1), so that the NUL run is closed
///      by the newline of the last record it swallowed; a range that follows it at once swallows
///      that newline too. In format frames: [a, b).
/// Room that a producer has made ahead is left out by both. What stands before and between such
/// rooms is freed as by F2.
class Reclaim {
 public:
  /// What is known when a plan is made.
  struct View {
    Position stored_front = 0;
    Position front = 0;                 ///< At or above stored_front.
    const IntervalSet* done = nullptr;  ///< What is done above the front.
    Position free_from = 0;  ///< Nothing below is punched for now; 0 for no such limit. Where a
                             ///< record begins.
    bool hold_below = false;  ///< Nothing below the front is freed for now, but by give_back().
    bool hold_strays = false;  ///< Nothing of what give_back() was told is.
  };
  struct Punch {
    ByteRange range;       ///< Positions to punch.
    ByteRange settled;     ///< What need not be freed any more once that has succeeded.
    bool in_band = false;  ///< By F2.
    bool stray = false;    ///< What give_back() was told of.
  };

  /// `block_bytes`: unit of the filesystem. `freed_to`: position up to which nothing is left to
  /// free; the base, when not known.
  Reclaim(std::uint64_t block_bytes, Position freed_to, Format format)
      : block_bytes_(block_bytes), freed_to_(freed_to), format_(format) {}

  /// Before anything is done that the format matters for.
  void set_format(Format format) { format_ = format; }

  /// `range` has just become done.
  void add(ByteRange range) { unfreed_.insert(range); }
  /// `range`, of kind `room` or a stray, is nobody's to free.
  void leave(ByteRange range) {
    unfreed_.erase(range);
    rooms_.insert(range);
  }

  /// Text in [.., freed_to()), a stray, is kept elsewhere: it is to be freed again, to the byte.
  void give_back(ByteRange range) { given_back_.insert(range); }
  /// Not after all.
  void take_back(ByteRange range) { given_back_.erase(range); }
  bool has_given_back() const { return !given_back_.empty(); }
  /// All that is done and below is freed, or room, or a stray.
  Position freed_to() const { return freed_to_; }
  const IntervalSet& unfreed() const { return unfreed_; }
  /// Below, nothing is left to free for whoever goes on from here. What F2 has left of a block is:
  /// so it does not go beyond freed_to(), but over room.
  Position clean_to() const;

  /// From which size on a punch is worth its call; 1: all there is.
  struct Least {
    std::uint64_t below_bytes = 1;  ///< F1; never less than a block and 4,096.
    std::uint64_t above_bytes = 1;  ///< F2.
  };

  /// Punches worth doing, lowest first, at most `punches_max`.
  std::vector<Punch> plan(const View& view, Least least, std::size_t punches_max) const;

  /// A planned punch has succeeded; returns how many done bytes it freed.
  std::uint64_t freed(const Punch& punch);
  /// What lies below `base` has been cut off the file, freed or not; returns the same.
  std::uint64_t cut_off(Position base);

  /// The file itself says that `range` is done: nothing of it is unfreed, in lines but its newline.
  bool is_freed(ByteRange range) const;

  /// Done bytes that have not been freed. At rest at most a block, or 4,096, below the front, and in lines a
  /// byte for each range above it.
  std::uint64_t unfreed_bytes() const { return unfreed_.bytes(); }

 private:
  Position closed_end(Position front) const;
  std::vector<Punch> below(const View& view, std::uint64_t bytes_min) const;
  ByteRange in_band(const View& view, ByteRange range, Position from) const;

  std::uint64_t block_bytes_;
  Position freed_to_;
  Format format_;
  IntervalSet unfreed_;
  IntervalSet given_back_;
  IntervalSet rooms_;  // at or above freed_to_: NULs that nobody freed
};

}  // namespace punchline
