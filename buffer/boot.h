#pragma once

#include <cstdint>
#include <string>

#include "buffer/base/result.h"

namespace punchline {

/// Text of /proc/sys/kernel/random/boot_id (random(4)): another one after each boot, the same for
/// all containers of a machine. Without a newline. Any thread.
Result<std::string> boot_id();

/// When this boot began, in ns since the epoch: CLOCK_REALTIME - CLOCK_BOOTTIME (clock_gettime(2)),
/// as /proc/stat's btime but finer.
///
/// It moves when the wall clock is set, so it says "born in this boot" of a file only as well as
/// that clock was right when the file was born. A clock that was behind then (no battery, NTP
/// later) makes a file of this boot look older: the safe side. One that is behind now makes an old
/// file look newer, mostly newer than now: whoever asks has to compare with wall_time_ns() too.
/// File times come from the coarse clock and lag it by up to one tick (10 ms), far less than from
/// the boot to the first program. In a time namespace (time_namespaces(7)) it is when that
/// namespace's clock says it began.
Result<std::int64_t> boot_time_ns();

/// CLOCK_REALTIME, ns since the epoch.
Result<std::int64_t> wall_time_ns();

/// The same in ms, for a record to carry; FrameRecord::kNoTimestamp where it cannot be right
/// (wall_time.h), or not be read.
std::int64_t record_time_ms();

}  // namespace punchline
