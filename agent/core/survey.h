#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>

#include "agent/core/pass.h"
#include "buffer/base/byte_range.h"

namespace punchline {

/// The records of a stretch, counted without being sent.
struct Survey {
  std::uint64_t records = 0;
  std::uint64_t bytes = 0;  ///< Of these records.
  Position read_to = 0;
  bool is_all = false;  ///< Else there may be more behind read_to.
};

/// How much survey() reads. It ends with the chunk in which one of them is reached.
struct SurveyLimits {
  Position until = kPositionMax;  ///< Records that begin here or later do not count.
  std::uint64_t bytes_max = 64 << 20;
  std::uint64_t records_max = UINT64_MAX;
};

/// Counts the records from `from` on for which `counts` says so. Uses `pass`, which is dropped
/// afterwards. What cannot be read ends it.
Survey survey(Pass& pass, Position from, const SurveyLimits& limits,
              const std::function<bool(ByteRange)>& counts);

/// What stays in a buffer when nobody forwards it any more.
struct Rest {
  std::uint64_t records = 0;
  std::uint64_t bytes = 0;
  bool is_all = true;  ///< Else there may be more records in these bytes.
};

/// Those from `from` on for which `counts` says so, with all bytes behind what survey() reads.
Rest survey_rest(Pass& pass, Position from, Position until, Position end,
                 const std::function<bool(ByteRange)>& counts);

}  // namespace punchline
