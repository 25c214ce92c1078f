#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace punchline {

/// Integers as they are stored on disk: little-endian, at any offset. `bytes` must be long enough.

template <class T>
void put_number(std::string& bytes, std::size_t at, T value) {
  for (std::size_t i = 0; i < sizeof(T); ++i) {
    bytes[at + i] = static_cast<char>(static_cast<std::uint64_t>(value) >> (8 * i));
  }
}

template <class T>
void append_number(std::string& bytes, T value) {
  bytes.resize(bytes.size() + sizeof(T));
  put_number(bytes, bytes.size() - sizeof(T), value);
}

template <class T>
T get_number(std::string_view bytes, std::size_t at) {
  std::uint64_t value = 0;
  for (std::size_t i = 0; i < sizeof(T); ++i) {
    value |= static_cast<std::uint64_t>(static_cast<std::uint8_t>(bytes[at + i])) << (8 * i);
  }
  return static_cast<T>(value);
}

}  // namespace punchline
