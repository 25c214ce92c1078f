#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "sinks/chunk.h"

namespace punchline {

/// Which chunks one client instance may still read, and how many records of each.
///
/// These counts are kept beside the chunks' own, so that the holds of records that a lost instance
/// never reports can be given back at once. Few chunks are out at a time, so a linear search
/// through a vector is cheapest. One thread.
class ChunkHolds {
 public:
  void add(Chunk& chunk, std::uint32_t records);
  void give_back(Chunk& chunk, std::uint32_t records);
  /// Call it only when nobody can read the memory any more.
  void give_back_all();
  std::size_t records() const { return records_; }

 private:
  struct Held {
    Chunk* chunk = nullptr;
    std::uint32_t records = 0;
  };
  std::vector<Held> held_;
  std::size_t records_ = 0;
};

}  // namespace punchline
