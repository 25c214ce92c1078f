#pragma once

#include <concepts>
#include <cstdint>
#include <ostream>

#include "buffer/base/byte_range.h"

namespace punchline {

// A check may compare a place with a number, and prints it as one.
template <class Sequence, std::integral Number>
bool operator==(PlaceOf<Sequence> at, Number number) {
  return at.value() == static_cast<std::uint64_t>(number);
}
template <class Sequence, std::integral Number>
auto operator<=>(PlaceOf<Sequence> at, Number number) {
  return at.value() <=> static_cast<std::uint64_t>(number);
}
template <class Sequence>
std::ostream& operator<<(std::ostream& out, PlaceOf<Sequence> at) {
  return out << at.value();
}

inline ByteRange positions(std::uint64_t begin, std::uint64_t end) {
  return {Position(begin), Position(end)};
}
inline OffsetRange offsets(std::uint64_t begin, std::uint64_t end) {
  return {Offset(begin), Offset(end)};
}

}  // namespace punchline
