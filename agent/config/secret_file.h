#pragma once

#include <cstddef>
#include <string>

#include "buffer/base/result.h"

namespace punchline {

constexpr std::size_t kSecretBytesMax = 64 << 10;

/// The text of a file that holds one value, such as /run/secrets/sasl-password: all of it except
/// one newline at its end. An error names the path and what is allowed, never the text. Does not
/// wait: anything but a regular file is refused.
Result<std::string> read_secret(const std::string& path);

}  // namespace punchline
