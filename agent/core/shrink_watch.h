#pragma once

#include <cstdint>
#include <optional>
#include <utility>

#include "buffer/base/byte_range.h"
#include "buffer/base/clock.h"
#include "buffer/checkpoint.h"
#include "buffer/space.h"

namespace punchline {

/// Sees that a buffer no longer holds what was read of it: it was truncated, and has grown again
/// perhaps. From then on a position says nothing about the file any more.
///
/// Looked at before anything is remembered or freed, too: in a file that was truncated the same
/// positions are other records. One thread.
class ShrinkWatch {
 public:
  /// Must outlive it.
  explicit ShrinkWatch(Checkpoint& checkpoint)
      : checkpoint_(checkpoint), space_(checkpoint.space()) {}

  /// The file may have changed: look soon.
  void wake() { is_woken_ = true; }
  bool is_due(TimePoint now) const { return is_woken_ || now >= due_; }
  /// The look that was due comes now, right before something is read. Others do not count for it:
  /// the file may change between.
  void note_look(TimePoint now);

  /// What the reader knows of the buffer.
  struct Known {
    Position front;
    Position read_to;  ///< The reader has come to here.
    ByteRange room;    ///< NULs up to the end, which a producer may cut off (Tail::room()).
  };
  /// Looks at the file. What cannot be read is looked at again.
  void look(const Known& known);
  /// It has shrunk, and nobody was told yet: true once.
  bool tells() { return std::exchange(is_untold_, false); }
  /// It is seen otherwise that positions mean nothing any more.
  void set_shrunk() { has_shrunk_ = true; }
  bool has_shrunk() const { return has_shrunk_; }

  /// What was there and is not any more.
  ByteRange gone() const { return gone_; }
  /// Not known from where on: it has grown again since. And of what came and went between two looks
  /// nothing is known.
  bool is_at_most() const { return is_at_most_; }

  /// It has shrunk, and the reports about what was in flight are in, or have had their time.
  bool is_settled(std::uint64_t in_flight, TimePoint now);

 private:
  bool may_end_with_room(Position end);

  Checkpoint& checkpoint_;
  Space& space_;
  bool is_woken_ = true;
  TimePoint due_{};
  Position end_seen_ = 0;  // of the file, without its room, when last looked at
  bool has_shrunk_ = false;
  std::optional<TimePoint> shrunk_at_;  // as first asked
  ByteRange gone_;
  bool is_untold_ = false;
  bool is_at_most_ = false;
};

}  // namespace punchline
