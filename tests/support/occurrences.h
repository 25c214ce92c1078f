#pragma once

#include <cstddef>
#include <string_view>

namespace punchline::testing {

/// How often `part`, which is not empty, occurs in `text`. Occurrences that overlap count, too.
inline std::size_t occurrences(std::string_view text, std::string_view part) {
  std::size_t count = 0;
  for (auto at = text.find(part); at != text.npos; at = text.find(part, at + 1))
    ++count;
  return count;
}

}  // namespace punchline::testing
