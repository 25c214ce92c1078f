#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>

#include "agent/core/pass.h"
#include "buffer/base/byte_range.h"

namespace punchline {

/// The records of a stretch, counted but not sent.
struct Survey {
  std::uint64_t records = 0;
  std::uint64_t bytes = 0;  ///< Of these records.
  Position read_to = 0;
  bool is_all = false;  ///< False: there may be more after read_to.
};

/// How much survey() reads. It ends with the chunk in which a limit is reached.
struct SurveyLimits {
  Position until = kPositionMax;  ///< Records that begin here or later do not count.
  std::uint64_t bytes_max = 64 << 20;
  std::uint64_t records_max = UINT64_MAX;
};

/// Counts the records from `from` on for which `counts` returns true. Reads by `pass`, and drops
/// its chunk at the end. Stops early at what cannot be read.
Survey survey(Pass& pass, Position from, const SurveyLimits& limits,
              const std::function<bool(ByteRange)>& counts);

/// What stays in a buffer when nobody forwards it any more.
struct Rest {
  std::uint64_t records = 0;
  std::uint64_t bytes = 0;
  bool is_all = true;  ///< False: there may be more records in these bytes.
};

/// The records from `from` on for which `counts` returns true. The bytes from there to `end` that
/// survey() does not reach are all counted.
Rest survey_rest(Pass& pass, Position from, Position until, Position end,
                 const std::function<bool(ByteRange)>& counts);

}  // namespace punchline
