#pragma once

#include <cstddef>
#include <deque>
#include <optional>

#include "buffer/base/byte_range.h"
#include "buffer/base/clock.h"

namespace punchline {

/// Since when the oldest unconfirmed byte has been there, as far as the agent can know: lines carry
/// no time, so it notes where the end of the file was when. Bounded; a value.
class TailAge {
 public:
  /// At `at` the file reached up to `end`. Not more often than each 100 ms is remembered.
  void note(Position end, TimePoint at);
  /// When the byte at `front` was first seen; nothing if nothing stands there.
  std::optional<TimePoint> since(Position front);

 private:
  struct Mark {
    Position end;
    TimePoint at;
  };
  static constexpr std::size_t kMarksMax = 1024;

  std::deque<Mark> marks_;  // both members ascend
};

}  // namespace punchline
