#pragma once

#include <cstdint>
#include <ctime>
#include <optional>
#include <string>

#include "buffer/base/result.h"

namespace punchline {

/// When an agent has last looked for rotated files of a buffer (rotated.h), in nanoseconds since
/// the epoch. Empty if that is not known: no agent has looked, or it could not note it, or the lock
/// file that it was noted on is gone. Any thread.
using LastLook = std::optional<std::int64_t>;

/// The time that a filesystem gives to a file that is made or changed now, or an earlier one, but
/// never a later one. It may lag behind the clock by a tick of some milliseconds
/// (ktime_get_coarse_real_ts64() in fs/inode.c, current_time()).
struct timespec filesystem_now();

/// The last look that is noted on the lock file. It lies in the future only if the clock was ahead
/// then, or is behind now. Errors: the lock file cannot be looked at.
Result<LastLook> last_look(const std::string& lock_path);

/// Notes `looked` on the lock file, if possible, and returns the time that counts as the last look
/// from now on. Nothing is noted while the clock cannot be right. A later time that is noted there
/// is kept beside the new one, since the clock may be behind now.
LastLook note_look(const std::string& lock_path, struct timespec looked);

}  // namespace punchline
