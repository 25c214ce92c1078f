#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "buffer/base/byte_range.h"
#include "buffer/base/result.h"
#include "buffer/interval_set.h"
#include "buffer/space.h"

namespace punchline {

/// A piece of text where everything was done and freed, or in room that the front has passed. A
/// producer that does not append has written it there (buffer/FORMAT.md, "Below the front").
struct Stray {
  ByteRange range;     ///< Positions of a line with its newline, or of consecutive frames.
  bool ended = false;  ///< It is whole. If not, it ends at a hole, or is a piece of text that does.

  friend bool operator==(const Stray&, const Stray&) = default;
};

/// Looks for strays. It finds data with SEEK_DATA, so it costs a call or two if nothing was
/// written; on a filesystem that has no holes everything is read. Changes nothing. One thread.
class StraySearch {
 public:
  static constexpr std::size_t kPieceBytes = 256 * 1024;
  static constexpr std::size_t kBytesPerLookMax = 4 << 20;

  explicit StraySearch(Space& space) : space_(space) {}

  /// Where to look: `range` is done. Apart from `unfreed` and `known` it is meant to be clean: only
  /// NULs, and newlines that close them.
  struct Where {
    ByteRange range;
    const IntervalSet& unfreed;
    const IntervalSet& known;  ///< Strays that have been found before.
  };
  /// Appends the strays that it finds, in order. Stops when `found` has `found_max` entries, or
  /// after kBytesPerLookMax. Returns the position up to which it has looked. Errors: `io`.
  Result<Position> find(const Where& where, std::size_t found_max, std::vector<Stray>& found);

 private:
  Status look_into(const Where& where, ByteRange clean, std::size_t found_max,
                   std::vector<Stray>& found);
  Result<bool> begins_before(Position at, const Where& where, const std::vector<Stray>& found);
  void go_back(const Where& where, std::vector<Stray>& found);
  Status look_beyond(Position hole, ByteRange clean, std::vector<Stray>& found);

  Space& space_;
  std::string memory_;
  std::size_t bytes_read_ = 0;
  Position looked_to_ = 0;
};

}  // namespace punchline
