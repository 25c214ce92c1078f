#pragma once

#include <cstdint>
#include <limits>
#include <string>

#include "buffer/base/byte_range.h"
#include "buffer/state.h"

namespace punchline {

/// What the machine reports at a start. Plain values, so that the rules can be tested without a
/// machine.
struct StartFacts {
  std::uint64_t boot = 0;         ///< fold_boot_id() of the running boot; never 0.
  std::int64_t boot_time_ns = 0;  ///< When it began, ns since the epoch; if in doubt, round up.
  std::int64_t now_ns = std::numeric_limits<std::int64_t>::max();  ///< The same clock, now.
  Uuid fresh_uuid{};         ///< Used if the buffer needs a new UUID.
  bool force_fence = false;  ///< Treat this start as the first of a new boot.
  bool truncated = false;    ///< The file was seen to become shorter, or to be overwritten.
};

/// How a buffer was found at a start (buffer/FORMAT.md, "Start").
enum class Origin : std::uint8_t {
  resumed,    ///< Same boot, same file: goes on at the front.
  new_boot,   ///< First start since a boot: front taken back to the synced position, fence set.
  fresh,      ///< No state, born in this boot: read from 0, exactly.
  unknown,    ///< No state, older than this boot: read from 0, carefully.
  truncated,  ///< It was truncated: all of it is read as new.
  copied,     ///< The state belongs to another inode: all of it is read as new.
  damaged,    ///< The state is damaged: all of it is read as new.
};

const char* name_of(Origin origin);

/// A sound state, and the file that it was found on.
struct FoundState {
  const State& state;
  std::uint32_t identity = 0;  ///< fold_identity() of the file as it is now.
  Position end = 0;            ///< The end of the file, counted from the state's base.
  bool begins = true;          ///< A line or frame can begin at front_at_start().
  bool is_torn_collapse = false;  ///< A collapse was interrupted and cannot be finished.
};

/// The verdict on such a file.
struct Judged {
  Origin origin = Origin::resumed;  ///< Unless resumed or new_boot, all is read as new.
  std::uint64_t lost_bytes = 0;     ///< An upper bound on the waiting bytes that are gone.
  std::string why = {};             ///< For an operator, if all is read as new.
};

/// The position from which a start goes on. In a new boot it is not above the synced position,
/// since the attribute can have reached the disk before the data that it describes.
Position front_at_start(const State& state, const StartFacts& facts);

/// Decides by the table in FORMAT.md. The first of these that is true decides: another inode, a
/// torn collapse, a file that is too short, one that was overwritten, a new boot. Pure. Any thread.
Judged judge(const FoundState& found, const StartFacts& facts);

/// The same for a file that has no state. `supported`: the filesystem has user attributes.
Origin judge_without_state(std::int64_t birth_ns, bool supported, const StartFacts& facts);

}  // namespace punchline
