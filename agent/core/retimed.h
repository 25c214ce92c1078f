#pragma once

#include <cstddef>
#include <set>

#include "buffer/base/byte_range.h"
#include "sinks/chunk.h"

namespace punchline {

/// Remembers records that go with the time of their sending, since the destination refuses their
/// own. Only their positions are kept, and only in memory: after a restart they are refused once
/// more. Pure. One thread.
class Retimed {
 public:
  static constexpr std::size_t kMax = 20'000;

  /// False if it is one already, or there are kMax. Those below `front` are done, and forgotten.
  bool add(ByteRange range, Position front);
  /// Those in `range` have arrived and are forgotten. Returns how many they were.
  std::size_t take(ByteRange range);
  /// Puts the time of sending on those that are among the records of the chunk.
  void put_on(Chunk& chunk) const;

 private:
  std::set<Position> begins_;
};

}  // namespace punchline
