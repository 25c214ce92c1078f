#pragma once

#include <cstddef>
#include <string>

#include "buffer/base/byte_range.h"
#include "buffer/base/result.h"
#include "buffer/space.h"

namespace punchline {

/// Keeps a copy of the first bytes that wait, to see whether somebody has written over them. One
/// thread.
class WaitingBlock {
 public:
  static constexpr std::size_t kBytesMax = 4096;

  /// Returns the range in which text has become other text, from the first such byte to the last;
  /// empty if there is none. Bytes that have become NUL do not count: they were freed, or taken
  /// back by their writer. Nor does a newline that closes a line of NULs, which a writer of lines
  /// leaves in their place (AppendWriter). Then keeps the bytes from `front` on, in lines only whole
  /// ones. Errors: `io`; then the copy is unchanged.
  Result<ByteRange> look(Space& space, Position front);

 private:
  ByteRange changed_in(const std::string& now, Position front) const;

  Position begin_ = 0;
  std::string bytes_;
};

}  // namespace punchline
