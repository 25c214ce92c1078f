#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>

namespace punchline {

/// How many NULs `bytes` begins with. A hole reads as NULs, so there can be gigabytes of them;
/// therefore they are compared word by word. Pure.
inline std::size_t leading_nuls(std::span<const char> bytes) {
  constexpr std::size_t kStride = 64;
  std::size_t at = 0;
  for (; at + kStride <= bytes.size(); at += kStride) {
    std::uint64_t words[kStride / sizeof(std::uint64_t)];
    std::memcpy(words, bytes.data() + at, kStride);
    std::uint64_t any = 0;
    for (const auto word : words)
      any |= word;
    if (any != 0) break;
  }
  while (at < bytes.size() && bytes[at] == 0)
    ++at;
  return at;
}

/// How many NULs `bytes` ends with. Pure.
inline std::size_t ending_nuls_of(std::span<const char> bytes) {
  std::size_t count = 0;
  while (count < bytes.size() && bytes[bytes.size() - 1 - count] == 0)
    ++count;
  return count;
}

}  // namespace punchline
