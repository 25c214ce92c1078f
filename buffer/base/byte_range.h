#pragma once

#include <algorithm>
#include <cstdint>

#include "buffer/base/position.h"

namespace punchline {

/// A half-open range [begin, end). A value; `begin <= end` holds for every range made by this
/// project.
template <class At>
struct RangeOf {
  At begin = 0;
  At end = 0;

  constexpr std::uint64_t size() const { return end - begin; }
  constexpr bool empty() const { return begin >= end; }
  constexpr bool contains(At at) const { return begin <= at && at < end; }
  constexpr bool contains(RangeOf other) const {
    return begin <= other.begin && other.end <= end;
  }

  friend constexpr bool operator==(RangeOf, RangeOf) = default;
};

using ByteRange = RangeOf<Position>;
using OffsetRange = RangeOf<Offset>;
/// A range of bytes in memory.
using IndexRange = RangeOf<std::size_t>;

/// The bytes that two ranges share; empty (begin == end) if they share none.
constexpr ByteRange intersection(ByteRange a, ByteRange b) {
  const auto begin = std::max(a.begin, b.begin);
  return {begin, std::max(begin, std::min(a.end, b.end))};
}

/// The smallest range that holds both.
constexpr ByteRange cover(ByteRange a, ByteRange b) {
  return {std::min(a.begin, b.begin), std::max(a.end, b.end)};
}

/// block_after(): the first start of a block at or after `at`. block_before(): the last one at or
/// before it. `block_bytes` is a power of two.
template <class Sequence>
constexpr PlaceOf<Sequence> block_after(PlaceOf<Sequence> at, std::uint64_t block_bytes) {
  return PlaceOf<Sequence>((at.value() + block_bytes - 1) & ~(block_bytes - 1));
}
template <class Sequence>
constexpr PlaceOf<Sequence> block_before(PlaceOf<Sequence> at, std::uint64_t block_bytes) {
  return PlaceOf<Sequence>(at.value() & ~(block_bytes - 1));
}

/// The whole blocks inside `range`; empty if there is none.
/// `block_bytes` is a power of two, 512 or more.
constexpr ByteRange whole_blocks(ByteRange range, std::uint64_t block_bytes) {
  const auto begin = block_after(range.begin, block_bytes);
  return {begin, std::max(begin, block_before(range.end, block_bytes))};
}

}  // namespace punchline
