#pragma once

#include <cstdint>
#include <string>

namespace punchline {

/// "1 partition", "2 partitions".
inline std::string counted(std::uint64_t count, const std::string& one, const std::string& more) {
  return std::to_string(count) + ' ' + (count == 1 ? one : more);
}
inline std::string counted(std::uint64_t count, const std::string& one) {
  return counted(count, one, one + 's');
}

}  // namespace punchline
