#pragma once

#include <cstdint>
#include <ctime>
#include <optional>
#include <string>

#include "buffer/base/result.h"

namespace punchline {

/// When an agent has last looked for rotated files of a buffer (rotated.h), in nanoseconds since
/// the epoch; nothing where that is not known: none has, or it could not note it, or the lock file
/// that it was noted on is gone. Any thread.
using LastLook = std::optional<std::int64_t>;

/// A time as a filesystem gives it to a file that is made or changed now, never later than that:
/// it may lag behind the clock by a tick of some milliseconds (ktime_get_coarse_real_ts64() in
/// fs/inode.c, current_time()).
struct timespec filesystem_now();

/// As the lock file says. A time to come only where the clock was ahead then, or is behind now.
/// Errors: it cannot be looked at.
Result<LastLook> last_look(const std::string& lock_path);

/// Notes it there, if it can, and returns what counts as the last look from now on. Nothing is
/// noted while the clock cannot be right; a later time that stands there is kept beside it, for the
/// clock may be behind now.
LastLook note_look(const std::string& lock_path, struct timespec looked);

}  // namespace punchline
