#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "buffer/base/byte_range.h"
#include "buffer/base/result.h"
#include "buffer/space.h"

namespace punchline {

/// What is done and stays in the file, since F1 frees whole blocks only: a copy, by which is seen
/// whether somebody has written over it. One thread. Errors: `io`.
class KeptBytes {
 public:
  static constexpr std::size_t kBytesMax = 64 * 1024;

  /// Keeps a copy of `range` (positions), the last kBytesMax of it at most.
  Status remember(Space& space, ByteRange range);
  /// Nothing but the checksum of `range` is known, from an earlier run.
  void expect(ByteRange range, std::uint32_t checksum);
  void forget() { *this = {}; }

  ByteRange range() const { return range_; }
  std::uint32_t checksum() const { return checksum_; }

  /// Where it is not what it was: the lines from the first change to the last, in frames one
  /// stretch from where a frame begins to where one does; or all of it where only the checksum is
  /// known. What has become NUL does not count, that was freed, or was hidden
  /// before a collapse. Each change is told once.
  Result<std::vector<ByteRange>> overwritten(Space& space);

 private:
  IndexRange changed(std::string_view now, Format format) const;

  ByteRange range_;
  std::uint32_t checksum_ = 0;
  std::string bytes_;  // empty: only the checksum is known
};

}  // namespace punchline
