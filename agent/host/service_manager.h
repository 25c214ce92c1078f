#pragma once

#include <string_view>

#include "buffer/base/result.h"

namespace punchline {

/// Tells the service manager that started us, if there is one, the state of the agent: "READY=1",
/// "STOPPING=1" (sd_notify(3); $NOTIFY_SOCKET names its socket, '@' an abstract one). Does nothing
/// if the variable is not set. Any thread.
Status tell_service_manager(std::string_view state);

}  // namespace punchline
