#pragma once

#include <filesystem>
#include <functional>
#include <string>

#include "buffer/base/result.h"

namespace punchline {

/// Calls `visit` with the path of each entry of a folder, in no order. Entries that come or go
/// meanwhile may be missed (readdir(3)). Errors: it cannot be listed, or not to its end. Throws
/// nothing of its own. Any thread.
Status visit_folder(const std::string& folder,
                    const std::function<void(const std::filesystem::path&)>& visit);

}  // namespace punchline
