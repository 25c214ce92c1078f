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
/// The kernel shifts the extents after the hole one by one. A power cut can leave some shifted and
/// some not, or the old size (xfs_collapse_file_space; ext4 restarts its transaction when there are
/// many). So the intent is written down before the collapse begins. A start that finds an intent
/// finishes the collapse before it believes any offset.

/// The plan of one collapse. A value; it is stored in kIntentAttribute while the collapse is under
/// way.
struct CollapseIntent {
  Uuid uuid{};                 ///< Of the buffer. One begun anew has another: the intent is void.
  std::uint32_t identity = 0;  ///< The inode it was meant for (fold_identity()).
  Position base = 0;           ///< The base before the collapse.
  std::uint64_t bytes = 0;     ///< To be cut off; a multiple of the filesystem's unit, not 0.
  /// All segments of data, by their offsets before the collapse, ascending; at least one, at most
  /// kSegmentsListedMax. The first begins at or after `bytes`. The last may have grown since.
  std::vector<OffsetRange> segments;

  /// Nothing below this position may be freed while the intent is stored, or the segments could not
  /// be told apart.
  Position settled_from() const { return base + segments.back().end.value(); }

  friend bool operator==(const CollapseIntent&, const CollapseIntent&) = default;
};

inline constexpr std::string_view kIntentAttribute = "user.punchline.intent";
/// Chosen so that the intent fits into an ext4 block of 1 KiB, if it is alone there.
inline constexpr std::size_t kSegmentsListedMax = 56;

std::string encode(const CollapseIntent& intent);
Decoded decode(std::string_view bytes, CollapseIntent& intent);

/// When a collapse is worth it.
struct CollapseLimits {
  std::uint64_t unit_bytes = 0;          ///< Ranges must be multiples of it; 0: never collapse.
  std::uint64_t bytes_min = 1ULL << 30;  ///< The smallest hole to cut off; 0: never collapse.
  std::uint64_t free_bytes_min = 16ULL << 20;  ///< On the filesystem, which may need blocks itself.
};

/// Plans to cut off the hole at the front, as much of it as lies below `state.front`. Empty if that
/// is not worth it or not safe yet: the hole is too small, or smaller than the data after it; there
/// is no data; there are too many segments; the file ends in a hole or in room that is not done; or
/// there is too little free space. Errors: `io`.
Result<std::optional<CollapseIntent>> plan_collapse(BufferFile& file, const State& state,
                                                    const CollapseLimits& limits);

/// How far a collapse came.
enum class Shifted : std::uint8_t {
  none,    ///< Nothing was shifted, or no data is left that should have been.
  all,     ///< Everything was shifted, by this call or before.
  unlike,  ///< Neither of these nor a state between them: others have changed the file.
};

/// Looks how far the collapse of `intent` came, and finishes it if it was begun. It only ever
/// removes whole holes, so no byte of data is lost whatever it finds. Errors: `io`, `no_space`, as
/// for BufferFile::collapse(); call it again then.
Result<Shifted> roll_forward(BufferFile& file, const CollapseIntent& intent);

}  // namespace punchline
