#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "buffer/base/byte_range.h"
#include "buffer/item.h"

namespace punchline {

/// A NUL run of at least this many bytes at a record start, with text behind it, is a gap.
inline constexpr std::uint64_t kGapBytesMin = 4096;

/// What is known of a line whose bytes are not all in memory at once.
struct LineShape {
  ByteRange range;                 ///< From its first byte to behind its newline.
  std::uint64_t leading_nuls = 0;  ///< Bytes of the NUL run it begins with.
  bool has_nul = false;            ///< Any NUL in it.
  bool has_text = false;           ///< Any byte in it that is neither NUL nor the newline.
};

/// The verdict on one line, by its shape alone; `payload` is left for the caller to fill in. Where
/// the item ends before the line does, the rest is a line of its own.
Item classify(const ReadRules& rules, const LineShape& shape);

/// Those that a line spans: it begins below and ends above.
std::span<const Position> fences_in(const ReadRules& rules, ByteRange line);

/// A line is in two at a fence of its own with a NUL before it and none behind it. `around`: those
/// two bytes.
inline bool parts_at_fence(std::span<const char, 2> around) {
  return around[0] == 0 && around[1] != 0;
}

/// The verdict on what stands before such a fence. The rest is a line of its own.
Item classify_before(Position fence, const LineShape& shape);

/// Decodes complete lines of `bytes`, the first of which begins at position `at`, and appends their
/// items; stops at an unfinished line, behind `items_max` items, or before a line that begins at or
/// behind `until`. Neighbouring `nothing` is joined. Pure.
/// Returns how many bytes the appended items cover.
std::size_t decode_lines(const ReadRules& rules, Position at, std::span<const char> bytes,
                         Position until, std::size_t items_max, std::vector<Item>& items);

}  // namespace punchline
