#pragma once

#include <functional>

#include "buffer/base/result.h"

namespace punchline {

/// Runs `body` on a thread of its own that nobody waits for and that takes no signals, since these
/// belong to the program's own thread. What `body` uses must live as long as it runs. Any thread may
/// call it. `io` where there is no thread to be had.
Status start_quiet_thread(std::function<void()> body);

}  // namespace punchline
