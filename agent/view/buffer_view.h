#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "agent/view/picture.h"
#include "buffer/buffer_file.h"
#include "buffer/checkpoint.h"
#include "buffer/lines.h"
#include "buffer/losses.h"
#include "buffer/quarantine.h"

namespace punchline {

/// A stretch of a buffer that is set aside in place.
struct SetAsideEntry {
  ByteRange range;  ///< Positions.
  SetAsideReason reason = SetAsideReason::none;
};

/// One record of a quarantine, as its headers describe it.
struct QuarantineEntry {
  Position at = 0;  ///< In the quarantine.
  std::int64_t timestamp_ms = -1;
  QuarantineLabel label;
};

/// A buffer as seen by a reader that changes nothing: the state that an agent started now would go
/// by, and what it would find. All are positions, unless a name says otherwise.
struct BufferView {
  static constexpr std::size_t kListedMax = 10'000;  ///< Entries in each list; totals count all.

  bool has_state = false;  ///< If not, front and base are 0 and there is no UUID.
  State state;             ///< As it would be after a start: base, front, synced.
  Origin origin = Origin::resumed;
  std::vector<std::string> warnings;  ///< Sentences about that start.
  std::string cluster;                ///< The id of the last cluster it was sent to; "" for none.
  Losses lost{};                      ///< As noted (buffer/losses.h).
  std::vector<Position> fences;
  bool fences_sound = true;  ///< Their attribute checks, or there is none.

  std::uint64_t logical_bytes = 0;    ///< Size of the file.
  std::uint64_t data_bytes = 0;       ///< In data segments (SEEK_DATA).
  std::uint64_t allocated_bytes = 0;  ///< As the filesystem counts them.

  std::uint64_t waiting_records = 0;
  std::uint64_t waiting_bytes = 0;  ///< Of those records in the file, newlines included.
  std::uint64_t nothing_bytes = 0;  ///< Above the front: freed, or blank lines.
  std::uint64_t unfinished_bytes = 0;
  std::uint64_t room_bytes = 0;  ///< NULs at the end; may be room that a producer has made ahead.
  std::vector<SetAsideEntry> set_aside;
  std::uint64_t set_aside_records = 0;
  std::array<std::uint64_t, kSetAsideReasons> set_aside_by_reason{};
  std::uint64_t set_aside_bytes = 0;
  std::uint64_t strays = 0;       ///< Stretches written below the front (buffer/strays.h).
  std::uint64_t stray_bytes = 0;
  std::vector<QuarantineEntry> entries;  ///< The records that wait, if it is a quarantine.
  std::vector<ByteRange> holes;
  std::uint64_t hole_count = 0;
  std::uint64_t hole_bytes = 0;
  bool in_motion = false;  ///< The state changed at each look: figures are of different moments.

  Picture picture{ByteRange{}};
};

/// Looks at `file`; if its state changed meanwhile looks again, a few times at most. `facts` as for
/// Checkpoint; they decide how the buffer would be read. Calls nothing that changes the file.
/// Errors: `refused` as Checkpoint::start(), `io`.
/// `progress` is told the position reached and the end, some times a second at most.
using ViewProgress = std::function<void(Position at, Position end)>;
Result<BufferView> view_buffer(BufferFile& file, const StartFacts& facts,
                               const ViewProgress& progress = nullptr);

}  // namespace punchline
