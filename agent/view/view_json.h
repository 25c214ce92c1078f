#pragma once

#include <optional>
#include <string>

#include <nlohmann/json.hpp>

#include "agent/view/buffer_view.h"
#include "buffer/lock.h"

namespace punchline {

/// A view as one JSON object, keys in a fixed order. `holder` is believed only if `held`.
nlohmann::ordered_json json_of(const BufferView& view, const std::string& path,
                               const std::optional<LockHolder>& holder, bool held);

/// Prints it to stdout, followed by a line break. Bytes that are not UTF-8 (a path can hold any
/// bytes) are replaced. False if stdout cannot be written.
bool print(const nlohmann::ordered_json& json);

}  // namespace punchline
