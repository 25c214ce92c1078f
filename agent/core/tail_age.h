#pragma once

#include <cstddef>
#include <deque>
#include <optional>

#include "buffer/base/byte_range.h"
#include "buffer/base/clock.h"

namespace punchline {

/// Remembers when the oldest unconfirmed byte was first seen, as far as the agent can know. Lines
/// carry no time, so it notes when the file ended where. Bounded; a value.
class TailAge {
 public:
  /// At `at` the file reached up to `end`. Call it about once a second. Of many growths the older
  /// ones are remembered less exactly.
  void note(Position end, TimePoint at);
  /// When the byte at `front` was first seen; empty if there is none.
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
