#pragma once

#include <optional>
#include <string>

#include <nlohmann/json.hpp>

#include "agent/view/buffer_view.h"
#include "buffer/lock.h"

namespace punchline {

/// A view as one JSON object, keys in a fixed order; `holder` is believed only while `held`.
nlohmann::ordered_json json_of(const BufferView& view, const std::string& path,
                               const std::optional<LockHolder>& holder, bool held);

/// Prints it to stdout, with a line break behind it. What is no UTF-8 (a path may be any bytes)
/// is replaced. False where stdout cannot be written.
bool print(const nlohmann::ordered_json& json);

}  // namespace punchline
