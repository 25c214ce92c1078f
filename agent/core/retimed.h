#pragma once

#include <cstddef>
#include <set>

#include "buffer/base/byte_range.h"
#include "sinks/chunk.h"

namespace punchline {

/// Records that go with the time of their sending, since the destination refuses their own.
/// Positions alone are kept, in memory: after a restart it refuses them once more. Pure. One
/// thread.
class Retimed {
 public:
  static constexpr std::size_t kMax = 20'000;

  /// False where it is one already, or there are kMax. Those below `front` are done, and forgotten.
  bool add(ByteRange range, Position front);
  /// How many of them are in `range`; they have arrived.
  std::size_t take(ByteRange range);
  /// Changes those that are among the records of the chunk.
  void put_on(Chunk& chunk) const;

 private:
  std::set<Position> begins_;
};

}  // namespace punchline
