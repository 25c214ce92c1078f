#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "buffer/base/byte_range.h"

namespace punchline {

/// Why a stretch of a buffer is not delivered. On disk a reason has its name (name_of()).
enum class SetAsideReason : std::uint8_t {
  none = 0,
  torn = 1,         ///< Careful reading: a line that holds NUL and other bytes.
  spans_fence = 2,  ///< A line that begins before a fence and ends after it.
  gap = 3,          ///< The line after the NUL run of a producer that writes without O_APPEND.
  oversize = 4,     ///< Longer than record_bytes_max.
  damaged = 5,      ///< Format frames: bytes that are no frame, or one that fails its checks.
  refused = 6,      ///< A whole record that the destination refuses. No scanner gives this reason.
  written_below_front = 7,  ///< Written where all was done already. No scanner gives this reason.
};
inline constexpr std::size_t kSetAsideReasons = 8;

/// "torn", "spans_fence", ...: the words that inspect, metrics and the log use.
const char* name_of(SetAsideReason reason);

/// A stretch of a buffer, and what it is by the rules of the format. Items follow each other
/// without gaps.
struct Item {
  enum class Kind : std::uint8_t {
    record,     ///< To be delivered.
    nothing,    ///< Freed or empty: done at once.
    set_aside,  ///< Not deliverable; stays where it is.
    room,       ///< kGapBytesMin NULs or more that something follows. They are done, but a producer
                ///< may have made them to write into, so nobody frees them.
  };
  ByteRange range;  ///< Positions: all that the item occupies, the newline of a line included.
  Kind kind = Kind::nothing;
  SetAsideReason reason = SetAsideReason::none;
  std::uint32_t payload = 0;  ///< Of a record: the offset of its first byte in the memory decoded.
  std::uint32_t payload_bytes = 0;

  friend bool operator==(const Item&, const Item&) = default;
};

/// The rules by which a buffer is read (buffer/FORMAT.md, "Reading").
struct ReadRules {
  std::uint32_t record_bytes_max = 1 << 20;  ///< Of a payload; in frames with key and headers.
  /// Ascending. Records that begin below the last fence are read carefully, the rest exactly.
  std::vector<Position> fences;
  /// Frames: the salts of other files whose frames count as this file's (a copy;
  /// Checkpoint::salts()).
  std::vector<std::uint32_t> salts = {};

  /// The front that was stored, if a start with StartFacts::force_fence took it back in the boot
  /// that had written the state; otherwise 0. All below it had been confirmed, and whole blocks
  /// were freed.
  Position old_front = 0;
  std::uint64_t block_bytes = 4096;

  /// Whether [begin, end), with NULs before it, is the rest of a confirmed record.
  bool is_remnant(Position begin, Position end) const {
    return end <= old_front && begin.value() % block_bytes == 0;
  }
  Position careful_until() const { return fences.empty() ? 0 : fences.back(); }
};

/// Appends an item of kind `nothing`. If the last item is `nothing` too, and its index is `first`
/// or higher, the two are joined.
void append_nothing(ByteRange range, std::vector<Item>& items, std::size_t first);

}  // namespace punchline
