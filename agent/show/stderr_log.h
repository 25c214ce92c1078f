#pragma once

#include <memory>

#include "agent/core/log.h"

namespace punchline {

/// A log to stderr that leaves out lines below `lowest`. write() waits for nobody: a thread of its
/// own writes (LogWriter). The destructor waits up to half a second for lines that are not written
/// yet. Line breaks and other control characters in a text are escaped, so that one event is always
/// one line.
std::unique_ptr<Log> stderr_log(LogLevel lowest, LogFormat format);

}  // namespace punchline
