#pragma once

#include <compare>
#include <concepts>
#include <cstdint>
#include <limits>
#include <string>

namespace punchline {

/// A place in a sequence of bytes: the number of bytes before it.
///
/// There are two kinds, Position and Offset, which neither compare nor convert: a collapse moves
/// one against the other. The distance between two places is a plain number of bytes, which can be
/// added to a place or subtracted from it. A constant converts by itself (`Position at = 0`), any
/// other number has to be converted by name (`Position(number)`).
template <class Sequence>
class PlaceOf {
 public:
  constexpr PlaceOf() = default;
  template <std::unsigned_integral Number>
  explicit constexpr PlaceOf(Number number) : value_(number) {}
  template <std::integral Number>
  consteval PlaceOf(Number constant) : value_(constant) {}  // NOLINT(google-explicit-constructor)

  constexpr std::uint64_t value() const { return value_; }
  explicit constexpr operator std::uint64_t() const { return value_; }

  friend constexpr auto operator<=>(PlaceOf, PlaceOf) = default;
  friend constexpr std::uint64_t operator-(PlaceOf end, PlaceOf begin) {
    return end.value_ - begin.value_;
  }
  friend constexpr PlaceOf operator+(PlaceOf at, std::uint64_t bytes) {
    return PlaceOf(at.value_ + bytes);
  }
  friend constexpr PlaceOf operator-(PlaceOf at, std::uint64_t bytes) {
    return PlaceOf(at.value_ - bytes);
  }
  constexpr PlaceOf& operator+=(std::uint64_t bytes) { return *this = *this + bytes; }
  constexpr PlaceOf& operator-=(std::uint64_t bytes) { return *this = *this - bytes; }

 private:
  std::uint64_t value_ = 0;
};

template <class Sequence>
std::string to_string(PlaceOf<Sequence> at) {
  return std::to_string(at.value());
}

/// Where a byte is in a buffer, for ever: bytes collapsed so far plus file offset.
using Position = PlaceOf<struct BytesOfBuffer>;
inline constexpr Position kPositionMax = std::numeric_limits<std::uint64_t>::max();
/// Where a byte is in the file now.
using Offset = PlaceOf<struct BytesOfFile>;

}  // namespace punchline
