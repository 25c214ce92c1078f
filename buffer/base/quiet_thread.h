#pragma once

#include <functional>

#include "buffer/base/result.h"

namespace punchline {

/// Runs `body` on a new thread that nobody waits for. The thread takes no signals, since these
/// belong to the program's main thread. Everything that `body` uses must live as long as it runs.
/// Any thread may call it. `io` if no thread can be started.
Status start_quiet_thread(std::function<void()> body);

}  // namespace punchline
