#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "buffer/base/byte_range.h"
#include "buffer/base/result.h"
#include "buffer/buffer_file.h"
#include "buffer/state.h"

namespace punchline {

/// Cutting the hole at the front off a buffer, so that its logical size does not grow for ever
/// (buffer/FORMAT.md, "Collapsing").
///
/// The kernel shifts the extents behind the hole one after the other. A power cut may leave some
/// shifted and some not, or the size as it was (xfs_collapse_file_space; ext4 restarts its
/// transaction when there are many). So what is about to happen is written down first, and whoever
/// finds that intent carries it to its end before he believes any offset.

/// What one collapse is going to do. A value; stands in kIntentAttribute while it is under way.
struct CollapseIntent {
  Uuid uuid{};                 ///< Of the buffer: begun anew, it means nothing any more.
  std::uint32_t identity = 0;  ///< The inode it was meant for (fold_identity()).
  Position base = 0;           ///< Before it.
  std::uint64_t bytes = 0;     ///< To be cut off; a multiple of the filesystem's unit, not 0.
  /// All data, by their offsets before it, ascending; at least one, at most kSegmentsListedMax. The
  /// first one begins at or behind `bytes`. The last may have grown since.
  std::vector<OffsetRange> segments;

  /// Nothing below may be freed while it stands, or the segments could not be told apart.
  Position settled_from() const { return base + segments.back().end.value(); }

  friend bool operator==(const CollapseIntent&, const CollapseIntent&) = default;
};

inline constexpr std::string_view kIntentAttribute = "user.punchline.intent";
/// So that it fits into an ext4 block of 1 KiB, beside nothing else.
inline constexpr std::size_t kSegmentsListedMax = 56;

std::string encode(const CollapseIntent& intent);
Decoded decode(std::string_view bytes, CollapseIntent& intent);

/// When a collapse is worth it.
struct CollapseLimits {
  std::uint64_t unit_bytes = 0;          ///< What ranges must be multiples of; 0: never collapse.
  std::uint64_t bytes_min = 1ULL << 30;  ///< Smallest hole to cut off; 0: never collapse.
  std::uint64_t free_bytes_min = 16ULL << 20;  ///< Of the filesystem: it may need blocks itself.
};

/// Plans to cut off the hole at the front, as much of it as lies below `state.front`. Nothing if it
/// is not worth it yet: too small, smaller than the data behind it, no data, too many segments, too
/// little free space. Errors: `io`.
Result<std::optional<CollapseIntent>> plan_collapse(BufferFile& file, const State& state,
                                                    const CollapseLimits& limits);

/// How far a collapse came.
enum class Shifted : std::uint8_t {
  none,    ///< Nothing was shifted, or nothing is left that was to be.
  all,     ///< Everything was, here or before.
  unlike,  ///< Neither of these nor anything between them: the file has been changed by others.
};

/// Looks how far `intent` came and carries it to its end if it was begun. Only ever removes whole
/// holes, so no byte of data is lost whatever it finds. Errors: `io`, `no_space`, as
/// BufferFile::collapse(); then call it again.
Result<Shifted> roll_forward(BufferFile& file, const CollapseIntent& intent);

}  // namespace punchline
