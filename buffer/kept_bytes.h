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

/// A copy of the bytes that are done and stay in the file before the front, since F1 frees whole
/// blocks only. It shows whether somebody has written over them. One thread. Errors: `io`.
class KeptBytes {
 public:
  static constexpr std::size_t kBytesMax = 64 * 1024;

  /// Keeps a copy of `range` (positions), or of its last kBytesMax bytes if it is longer.
  Status remember(Space& space, ByteRange range);
  /// Takes the checksum of `range` from an earlier run. The bytes themselves are not known then.
  void expect(ByteRange range, std::uint32_t checksum);
  void forget() { *this = {}; }

  ByteRange range() const { return range_; }
  std::uint32_t checksum() const { return checksum_; }

  /// The stretches that were overwritten. In lines, the lines from the first change to the last. In
  /// frames, one stretch from the start of a frame to the start of another. If only the checksum is
  /// known, all of the range. Bytes that have become NUL do not count: they were freed, or hidden
  /// before a collapse. Each change is reported once.
  Result<std::vector<ByteRange>> overwritten(Space& space);

 private:
  IndexRange changed(std::string_view now, Format format) const;

  ByteRange range_;
  std::uint32_t checksum_ = 0;
  std::string bytes_;  // empty: only the checksum is known
};

}  // namespace punchline
