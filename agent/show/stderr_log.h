#pragma once

#include <memory>

#include "agent/core/log.h"

namespace punchline {

/// A log to stderr that leaves out what is below `lowest`. write() waits for nobody: a thread of its
/// own writes (LogWriter), and what is still to be written when the log goes has half a second.
/// A line break or another control character in a text is escaped: one event stays one line.
std::unique_ptr<Log> stderr_log(LogLevel lowest, LogFormat format);

}  // namespace punchline
