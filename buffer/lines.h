#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "buffer/base/byte_range.h"
#include "buffer/item.h"

namespace punchline {

/// A NUL run of at least this many bytes at the start of a record, with text after it, is a gap.
inline constexpr std::uint64_t kGapBytesMin = 4096;

/// The shape of a line, whose bytes need not all be in memory at once.
struct LineShape {
  ByteRange range;                 ///< From its first byte to just after its newline.
  std::uint64_t leading_nuls = 0;  ///< The length of the NUL run it begins with.
  bool has_nul = false;            ///< It holds a NUL.
  bool has_text = false;           ///< It holds a byte that is neither NUL nor the newline.
};

/// The verdict on one line, by its shape alone. The caller fills in `payload`. If the item ends
/// before the line does, the rest is a line of its own.
Item classify(const ReadRules& rules, const LineShape& shape);

/// The fences that a line spans: the line begins below them and ends above them.
std::span<const Position> fences_in(const ReadRules& rules, ByteRange line);

/// Whether a fence parts the line that spans it into two: the byte before the fence is a NUL, and
/// the byte after it is not. `around`: those two bytes.
inline bool parts_at_fence(std::span<const char, 2> around) {
  return around[0] == 0 && around[1] != 0;
}

/// The verdict on the part of a line before such a fence. The rest is a line of its own.
Item classify_before(Position fence, const LineShape& shape);

/// Decodes the complete lines in `bytes`, the first of which begins at position `at`, and appends
/// their items. Stops at an unfinished line, after `items_max` items, or before a line that begins
/// at or after `until`. Neighbouring items of kind `nothing` are joined. Pure.
/// Returns how many bytes the appended items cover.
std::size_t decode_lines(const ReadRules& rules, Position at, std::span<const char> bytes,
                         Position until, std::size_t items_max, std::vector<Item>& items);

}  // namespace punchline
