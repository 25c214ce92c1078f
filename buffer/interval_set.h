#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>

#include "buffer/base/byte_range.h"

namespace punchline {

/// A set of bytes kept as disjoint, non-adjacent half-open ranges in ascending order.
///
/// Inserting next to the last insertion costs O(1), and confirmations arrive that way; anything
/// else costs O(log n). Memory is one node per range, so the owner of a set has to bound size(). A
/// value.
class IntervalSet {
 public:
  using Map = std::map<Position, Position>;  // begin -> end

  IntervalSet() = default;
  IntervalSet(const IntervalSet& other) : map_(other.map_), bytes_(other.bytes_) {}
  IntervalSet& operator=(const IntervalSet& other);

  /// Adds all bytes of `range` and joins neighbours. Returns how many were not in the set before.
  std::uint64_t insert(ByteRange range);
  /// Removes all bytes of `range`.
  void erase(ByteRange range);
  void erase_below(Position at) { erase({0, at}); }
  void clear();

  /// The range that holds `at`, if one does.
  std::optional<ByteRange> find(Position at) const;
  /// The lowest range whose end is above `at`.
  std::optional<ByteRange> next(Position at) const;
  bool contains(ByteRange range) const;
  /// The lowest range, if the set is not empty.
  std::optional<ByteRange> first() const;

  bool empty() const { return map_.empty(); }
  std::size_t size() const { return map_.size(); }  ///< The number of ranges.
  std::uint64_t bytes() const { return bytes_; }    ///< The number of bytes in all ranges.

  /// For iterating in ascending order: pairs of begin and end.
  Map::const_iterator begin() const { return map_.begin(); }
  Map::const_iterator end() const { return map_.end(); }

  friend bool operator==(const IntervalSet& a, const IntervalSet& b) { return a.map_ == b.map_; }

 private:
  bool extend_last(ByteRange range);

  Map map_;
  std::uint64_t bytes_ = 0;
  Map::iterator last_ = map_.end();  // the range inserted or extended last, or end()
};

}  // namespace punchline
