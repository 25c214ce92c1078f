#pragma once

#include <cstddef>
#include <string>

#include "buffer/base/byte_range.h"
#include "buffer/base/result.h"
#include "buffer/space.h"

namespace punchline {

/// A copy of the first of what waits, by which is seen whether somebody has written over it. One
/// thread.
class WaitingBlock {
 public:
  static constexpr std::size_t kBytesMax = 4096;

  /// Where text has become other text, from the first such byte to the last, in positions; empty for
  /// nowhere. What has become NUL was freed, or taken back by who wrote it. Then keeps what stands
  /// from `front` on, in lines as far as they are whole. Errors: `io`, and nothing has changed.
  Result<ByteRange> look(Space& space, Position front);

 private:
  ByteRange changed_in(const std::string& now, Position front) const;

  Position begin_ = 0;
  std::string bytes_;
};

}  // namespace punchline
