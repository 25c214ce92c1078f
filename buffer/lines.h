#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "buffer/byte_range.h"

namespace punchline {

/// Why a stretch of a buffer is not delivered. The numbers are used on disk later: never reorder.
enum class SetAsideReason : std::uint8_t {
  none = 0,
  torn = 1,         ///< Careful reading: a line that holds NUL and other bytes.
  spans_fence = 2,  ///< A line begun before a fence and ended behind it.
  gap = 3,          ///< The line behind the NUL run of a producer that writes without O_APPEND.
  oversize = 4,     ///< Longer than record_bytes_max.
};
inline constexpr std::size_t kSetAsideReasons = 5;

/// "torn", "spans_fence", ...: the words used by inspect, metrics and the log.
const char* name_of(SetAsideReason reason);

/// A stretch of a buffer and what the format says it is. Stretches follow each other without gaps.
struct Item {
  enum class Kind : std::uint8_t {
    record,     ///< To be delivered.
    nothing,    ///< Freed or empty: done without further ado.
    set_aside,  ///< Not deliverable; stays where it is.
  };
  ByteRange range;  ///< Positions, the closing newline included.
  Kind kind = Kind::nothing;
  SetAsideReason reason = SetAsideReason::none;
  std::uint32_t payload = 0;  ///< For a record: offset of its first byte in the memory decoded.
  std::uint32_t payload_bytes = 0;

  friend bool operator==(const Item&, const Item&) = default;
};

/// What decides how a line is read (buffer/FORMAT.md, "Reading").
struct LineRules {
  std::uint32_t record_bytes_max = 1 << 20;
  /// Ascending. Lines that begin below the last one are read carefully, the others exactly.
  std::vector<Position> fences;

  Position careful_until() const { return fences.empty() ? 0 : fences.back(); }
};

/// A NUL run of at least this many bytes at a record start, with text behind it, is a gap.
inline constexpr std::uint64_t kGapBytesMin = 4096;

/// What is known of a line whose bytes are not all in memory at once.
struct LineShape {
  ByteRange range;                 ///< From its first byte to behind its newline.
  std::uint64_t leading_nuls = 0;  ///< Bytes of the NUL run it begins with.
  bool has_nul = false;            ///< Any NUL in it.
  bool has_text = false;           ///< Any byte in it that is neither NUL nor the newline.
};

/// The verdict on one line, by its shape alone; `payload` is left for the caller to fill in.
Item classify(const LineRules& rules, const LineShape& shape);

/// Decodes complete lines of `bytes`, the first of which begins at position `at`, and appends their
/// items; stops at an unfinished line, behind `items_max` items, or before a line that begins at or
/// behind `until`. Neighbouring `nothing` is joined. Pure.
/// Returns how many bytes the appended items cover.
std::size_t decode_lines(const LineRules& rules, Position at, std::span<const char> bytes,
                         Position until, std::size_t items_max, std::vector<Item>& items);

}  // namespace punchline
