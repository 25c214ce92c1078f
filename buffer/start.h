#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "buffer/attributes.h"
#include "buffer/base/result.h"
#include "buffer/origin.h"
#include "buffer/space.h"

namespace punchline {

/// The contents of a buffer that has no format yet.
struct Undecided {
  bool torn_text = false;  ///< There is text, but all of it may be torn.
  bool all_room = false;   ///< There are only NULs, or nothing; they may be a producer's room.
};

/// What a start found and did, for the log.
struct StartReport {
  Origin origin = Origin::resumed;
  std::uint64_t taken_back_bytes = 0;  ///< How far the front went back, to the synced position.
  std::uint64_t collapsed_bytes = 0;   ///< Cut off by a collapse that a crash had interrupted.
  /// An upper bound on the waiting bytes that were truncated away; 0 if StartFacts::truncated.
  std::uint64_t lost_bytes = 0;
  bool fence_set = false;
  bool tail_closed = false;           ///< An unfinished last line was closed with NUL + newline.
  Undecided undecided;                ///< If there is no format yet.
  std::vector<std::string> warnings;  ///< Sentences for the operator.
};

/// Takes the format from the contents if the state names none. Errors: `io`.
Result<Undecided> settle_format(Space& space, Attributes& attributes);

/// Reads the state, works out what has happened to the file since, sets a fence if one is due, and
/// makes the outcome durable (buffer/FORMAT.md, "Start"). Call it once for each run, with the lock
/// held, before the file is opened for writing.
/// Errors: `refused` for a state of a newer version; `io`.
Result<StartReport> start_buffer(Space& space, Attributes& attributes, const StartFacts& facts);

}  // namespace punchline
