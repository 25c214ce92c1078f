#pragma once

#include <algorithm>
#include <cstdint>

namespace punchline {

/// Where a byte stands in a buffer, for ever: bytes collapsed so far plus file offset.
/// Unit: bytes. It never changes, whatever is freed or trimmed before it.
using Position = std::uint64_t;

/// A half-open range [begin, end) of positions or, where a name says so, of file offsets.
/// A value; `begin <= end` holds for every range made by this project.
struct ByteRange {
  std::uint64_t begin = 0;
  std::uint64_t end = 0;

  constexpr std::uint64_t size() const { return end - begin; }
  constexpr bool empty() const { return begin >= end; }
  constexpr bool contains(std::uint64_t at) const { return begin <= at && at < end; }
  constexpr bool contains(ByteRange other) const {
    return begin <= other.begin && other.end <= end;
  }

  friend constexpr bool operator==(ByteRange, ByteRange) = default;
};

/// What two ranges share; empty (begin == end) where they share nothing.
constexpr ByteRange intersection(ByteRange a, ByteRange b) {
  const auto begin = std::max(a.begin, b.begin);
  return {begin, std::max(begin, std::min(a.end, b.end))};
}

/// The smallest range that holds both.
constexpr ByteRange cover(ByteRange a, ByteRange b) {
  return {std::min(a.begin, b.begin), std::max(a.end, b.end)};
}

/// The whole blocks that lie inside `range`; empty where there is none.
/// `block_bytes` is a power of two, 512 or more.
constexpr ByteRange whole_blocks(ByteRange range, std::uint64_t block_bytes) {
  const auto begin = (range.begin + block_bytes - 1) & ~(block_bytes - 1);
  return {begin, std::max(begin, range.end & ~(block_bytes - 1))};
}

}  // namespace punchline
