#pragma once

#include <cstdint>
#include <string>

#include "buffer/base/result.h"

namespace punchline {

/// The text of /proc/sys/kernel/random/boot_id (random(4)), without its newline. It differs after
/// each boot and is the same in all containers of a machine. Any thread.
Result<std::string> boot_id();

/// When this boot began, in ns since the epoch: CLOCK_REALTIME - CLOCK_BOOTTIME (clock_gettime(2)).
/// This is btime of /proc/stat, but finer.
///
/// The result moves when the wall clock is set. It therefore tells whether a file was born in this
/// boot only if the clock was right when the file was born. If the clock was slow then (no battery,
/// NTP later), a file of this boot looks older: the safe side. If the clock is slow now, an old
/// file looks newer, mostly newer than now: the caller has to compare with wall_time_ns() too.
/// File times come from the coarse clock and lag by up to one tick (10 ms), far less than the time
/// from the boot to the first program. In a time namespace (time_namespaces(7)) the result is the
/// time at which that namespace's clock says the boot began.
Result<std::int64_t> boot_time_ns();

/// CLOCK_REALTIME, ns since the epoch.
Result<std::int64_t> wall_time_ns();

/// The same in ms, as a record's timestamp. FrameRecord::kNoTimestamp if the clock cannot be right
/// (wall_time.h) or cannot be read.
std::int64_t record_time_ms();

}  // namespace punchline
