#pragma once

#include <cstdint>
#include <optional>
#include <utility>

#include "buffer/base/byte_range.h"
#include "buffer/base/clock.h"
#include "buffer/checkpoint.h"
#include "buffer/space.h"

namespace punchline {

/// Detects that a buffer no longer holds what was read of it: it was truncated, and has perhaps
/// grown again. From then on a position says nothing about the file.
///
/// Also look before anything is stored or freed: in a truncated file the same positions are other
/// records. One thread.
class ShrinkWatch {
 public:
  /// Must outlive it.
  explicit ShrinkWatch(Checkpoint& checkpoint)
      : checkpoint_(checkpoint), space_(checkpoint.space()) {}

  /// The file may have changed: look soon.
  void wake() { is_woken_ = true; }
  bool is_due(TimePoint now) const { return is_woken_ || now >= due_; }
  /// The look that was due is made now, right before something is read. No other look counts as
  /// that one, since the file may change in between.
  void note_look(TimePoint now);

  /// What the reader knows of the buffer.
  struct Known {
    Position front;
    Position read_to;  ///< How far it has read.
    ByteRange room;    ///< NULs up to the end, which a producer may cut off (Tail::room()).
  };
  /// Looks at the file. If it cannot be read, the next look has to tell.
  void look(const Known& known);
  /// A look has seen it shrunk, and that was not logged yet: true once.
  bool tells() { return std::exchange(is_untold_, false); }
  /// It was seen in another way that positions mean nothing any more.
  void set_shrunk() { has_shrunk_ = true; }
  bool has_shrunk() const { return has_shrunk_; }

  /// The range that was there and is gone.
  ByteRange gone() const { return gone_; }
  /// gone() is an upper bound: the file has grown again since, so nobody knows where the loss
  /// begins. Nothing at all is known of what came and went between two looks.
  bool is_at_most() const { return is_at_most_; }

  /// It has shrunk, and the reports on what was in flight are in, or have had their time.
  bool is_settled(std::uint64_t in_flight, TimePoint now);

 private:
  bool may_end_with_room(Position end);

  Checkpoint& checkpoint_;
  Space& space_;
  bool is_woken_ = true;
  TimePoint due_{};
  Position end_seen_ = 0;  // of the file, without its room, when last looked at
  bool has_shrunk_ = false;
  std::optional<TimePoint> shrunk_at_;  // when is_settled() first asked
  ByteRange gone_;
  bool is_untold_ = false;
  bool is_at_most_ = false;
};

}  // namespace punchline
