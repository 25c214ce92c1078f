#pragma once

#include <cstdint>
#include <utility>

#include "buffer/base/byte_range.h"
#include "buffer/base/clock.h"

namespace punchline {

/// The end of a buffer, as its reader knows it: whether all has been read, when to look for more,
/// and what is there that is not a whole record (a line without its newline, or room that a
/// producer has made ahead).
///
/// Pure. One thread.
class Tail {
 public:
  static constexpr Duration kLookDelay = std::chrono::seconds(1);  ///< Until a look without a wake.
  /// Wakes within this time are answered together, so that single appends are read in batches.
  static constexpr Duration kWakesTogether = std::chrono::milliseconds(1);
  static constexpr std::chrono::seconds kUnfinishedToldAfter{60};

  explicit Tail(TimePoint now) : due_(now), earliest_(now), unfinished_since_(now) {}

  /// The file may have changed.
  void wake() { is_woken_ = true; }
  /// Everything had been read when the reader last looked.
  bool is_reached() const { return is_reached_; }
  /// The same, and nothing has woken it since.
  bool is_quiet() const { return is_reached_ && !is_woken_; }
  /// It is too early to look for more.
  bool rests(TimePoint now) const { return is_reached_ && now < (is_woken_ ? earliest_ : due_); }
  /// It is time to look even without a wake.
  bool is_due(TimePoint now) const { return now >= due_; }
  /// When the wake that came is to be answered; without one kLookDelay from now.
  TimePoint next_look(TimePoint now) const {
    return is_reached_ && is_woken_ ? earliest_ : now + kLookDelay;
  }
  void look_at(TimePoint due) { due_ = due; }

  /// The reader has reached the end.
  void reach(TimePoint now);
  /// It was woken although nothing had been appended: true once.
  bool take_vain_wake() { return std::exchange(was_vain_, false); }
  /// There may be more to read at once.
  void leave() { is_reached_ = false; }

  /// NULs up to the end of the file that a producer may have made ahead. They are not part of an
  /// unfinished line and do not count as waiting, and the producer may cut them off.
  ByteRange room() const { return room_; }
  void set_room(ByteRange room) { room_ = room; }

  /// A line, or a frame, lacks its end: so many `bytes` of it are there. 0: there is none.
  void note_unfinished(std::uint64_t bytes, TimePoint now);
  /// For how long that line or frame has not grown.
  Duration unfinished_for(TimePoint now) const { return now - unfinished_since_; }
  /// It has not grown for kUnfinishedToldAfter: true once.
  bool tells_unfinished(TimePoint now);

 private:
  bool is_reached_ = false;
  bool is_woken_ = true;
  bool was_vain_ = false;
  TimePoint due_;
  TimePoint earliest_;
  ByteRange room_;
  std::uint64_t unfinished_bytes_ = 0;
  TimePoint unfinished_since_;
  bool unfinished_told_ = false;
};

}  // namespace punchline
