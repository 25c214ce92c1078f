#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "buffer/base/byte_range.h"
#include "buffer/interval_set.h"
#include "buffer/state.h"

namespace punchline {

/// Decides which bytes to give back to the filesystem. Pure: it plans, and the caller punches.
///
/// Two rules (buffer/FORMAT.md, "Freeing"):
///   F1 Below the stored front: whole blocks, 4,096 bytes or more. No edge is ever zeroed. In
///      format lines the block that holds the newline before the front stays.
///   F2 Above it, in format lines: a done range [a, b) is punched as [a, b-1), so the NUL run ends
///      with the newline of the last record it swallowed. A range that follows at once swallows
///      that newline too. In format frames: [a, b).
/// Both leave out room that a producer has made. The bytes before and between such rooms are freed
/// as by F2.
class Reclaim {
 public:
  /// What the caller knows when a plan is made.
  struct View {
    Position stored_front = 0;
    Position front = 0;                 ///< At or above stored_front.
    const IntervalSet* done = nullptr;  ///< The done ranges above the front.
    Position free_from = 0;  ///< Nothing below is punched for now. The start of a record; 0: no
                             ///< such limit.
    bool hold_below = false;  ///< Nothing below the front is freed for now, but for give_back().
    bool hold_strays = false;  ///< Nothing from give_back() is freed for now.
  };
  struct Punch {
    ByteRange range;       ///< The positions to punch.
    ByteRange settled;     ///< Nothing in this range is left to free once the punch has succeeded.
    bool in_band = false;  ///< By F2.
    bool stray = false;    ///< From give_back().
  };

  /// `block_bytes`: the filesystem's unit. `freed_to`: the position up to which nothing is left to
  /// free; the base if that is not known.
  Reclaim(std::uint64_t block_bytes, Position freed_to, Format format)
      : block_bytes_(block_bytes), freed_to_(freed_to), format_(format) {}

  /// Call it before anything that depends on the format.
  void set_format(Format format) { format_ = format; }

  /// `range` has just become done.
  void add(ByteRange range) { unfreed_.insert(range); }
  /// `range`, which is of kind `room` or a stray, must not be freed.
  void leave(ByteRange range) {
    unfreed_.erase(range);
    rooms_.insert(range);
  }

  /// A stray, text in [.., freed_to()), is now kept elsewhere: free it again, to the byte.
  void give_back(ByteRange range) { given_back_.insert(range); }
  /// Undoes give_back().
  void take_back(ByteRange range) { given_back_.erase(range); }
  bool has_given_back() const { return !given_back_.empty(); }
  /// All done bytes below this are freed, or room, or a stray.
  Position freed_to() const { return freed_to_; }
  const IntervalSet& unfreed() const { return unfreed_; }
  /// The position below which a later start has nothing left to free. The parts of blocks that F2
  /// leaves do count as left. So this is not above freed_to(), unless there is room.
  Position clean_to() const;

  /// The smallest punch that is worth its call; 1: any.
  struct Least {
    std::uint64_t below_bytes = 1;  ///< F1; never less than a block and 4,096.
    std::uint64_t above_bytes = 1;  ///< F2.
  };

  /// Punches worth doing, lowest first, at most `punches_max`.
  std::vector<Punch> plan(const View& view, Least least, std::size_t punches_max) const;

  /// A planned punch has succeeded. Returns how many done bytes it freed.
  std::uint64_t freed(const Punch& punch);
  /// The bytes below `base` have been cut off the file, freed or not. Returns the same as freed().
  std::uint64_t cut_off(Position base);

  /// Whether the file itself shows that `range` is done: nothing of it is unfreed, in lines nothing
  /// but its newline.
  bool is_freed(ByteRange range) const;

  /// The number of done bytes that have not been freed. At rest that is at most a block, or 4,096
  /// bytes, below the front, and in lines one byte for each range above it.
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
