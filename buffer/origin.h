#pragma once

#include <cstdint>
#include <limits>
#include <string>

#include "buffer/base/byte_range.h"
#include "buffer/state.h"

namespace punchline {

/// What the machine says at a start; values, so that the rules can be tried without a machine.
struct StartFacts {
  std::uint64_t boot = 0;         ///< fold_boot_id() of the running boot; never 0.
  std::int64_t boot_time_ns = 0;  ///< When it began, ns since the epoch; round up in doubt.
  std::int64_t now_ns = std::numeric_limits<std::int64_t>::max();  ///< The same clock, by now.
  Uuid fresh_uuid{};         ///< Taken if the buffer needs a new one.
  bool force_fence = false;  ///< Treat this start as the first of a new boot.
  bool truncated = false;    ///< The file was seen to become shorter, or to be written over.
};

/// How a buffer was found at a start (buffer/FORMAT.md, "Start").
enum class Origin : std::uint8_t {
  resumed,    ///< Same boot, same file: goes on at the front.
  new_boot,   ///< First start since a boot: front taken back to what was synced, fence set.
  fresh,      ///< No state, born in this boot: read from 0, exactly.
  unknown,    ///< No state, older than this boot: read from 0, carefully.
  truncated,  ///< It was truncated: everything there is new.
  copied,     ///< The state belongs to another inode: everything there is new.
  damaged,    ///< The state does not check: everything there is new.
};

const char* name_of(Origin origin);

/// A state that checks, and the file that it was found on.
struct FoundState {
  const State& state;
  std::uint32_t identity = 0;  ///< fold_identity() of the file as it is.
  Position end = 0;            ///< Of the file, counted from the state's base.
  bool begins = true;          ///< Something may begin at front_at_start().
  bool is_torn_collapse = false;  ///< A collapse was cut off, and not so that it could be ended.
};

/// What a start has to make of it.
struct Judged {
  Origin origin = Origin::resumed;  ///< But for resumed and new_boot all is read as new.
  std::uint64_t lost_bytes = 0;     ///< At most so many that waited are gone.
  std::string why = {};             ///< For an operator, where all is read as new.
};

/// Where a start goes on: in a new boot not above what was synced, as the attribute can have
/// reached the disk before the data that it speaks of.
Position front_at_start(const State& state, const StartFacts& facts);

/// Decides by the table in FORMAT.md. What holds first is taken: another inode, a torn collapse, a
/// file that is too short, one that was written over, a new boot. Pure. Any thread.
Judged judge(const FoundState& found, const StartFacts& facts);

/// The same of a file that has no state. `supported`: it could have one.
Origin judge_without_state(std::int64_t birth_ns, bool supported, const StartFacts& facts);

}  // namespace punchline
