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

/// What a quarantine says of one of its records.
struct QuarantineEntry {
  Position at = 0;  ///< In the quarantine.
  std::int64_t timestamp_ms = -1;
  QuarantineLabel label;
};

/// A buffer as somebody sees it who changes nothing: what an agent that starts now would go by,
/// and what it would find. Positions, except where a name says otherwise.
struct BufferView {
  static constexpr std::size_t kListedMax = 10'000;  ///< Entries of each list; totals go on.

  bool has_state = false;  ///< Without it front and base are 0 and there is no UUID.
  State state;             ///< As it would stand after a start: base, front, synced.
  Origin origin = Origin::resumed;
  std::vector<std::string> warnings;  ///< Sentences about that start.
  std::string cluster;                ///< The id of the one it was sent to last; "" for none.
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
  std::uint64_t room_bytes = 0;  ///< NULs at the end: maybe room that a producer has made ahead.
  std::vector<SetAsideEntry> set_aside;
  std::uint64_t set_aside_records = 0;
  std::array<std::uint64_t, kSetAsideReasons> set_aside_by_reason{};
  std::uint64_t set_aside_bytes = 0;
  std::uint64_t strays = 0;       ///< Stretches written below the front (buffer/strays.h).
  std::uint64_t stray_bytes = 0;
  std::vector<QuarantineEntry> entries;  ///< Of a quarantine: what waits in it.
  std::vector<ByteRange> holes;
  std::uint64_t hole_count = 0;
  std::uint64_t hole_bytes = 0;
  bool in_motion = false;  ///< The state moved each time: figures are of different moments.

  Picture picture{ByteRange{}};
};

/// Looks at `file`, again if its state changed meanwhile, a few times at most. `facts` as for
/// Checkpoint; they decide how the buffer would be read. Calls nothing that changes the file.
/// Errors: `refused` as Checkpoint::start(), `io`.
/// `progress` is told the position reached and the end, some times a second at most.
using ViewProgress = std::function<void(Position at, Position end)>;
Result<BufferView> view_buffer(BufferFile& file, const StartFacts& facts,
                               const ViewProgress& progress = nullptr);

}  // namespace punchline
