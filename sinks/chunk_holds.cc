#include "sinks/chunk_holds.h"

#include <algorithm>
#include <cassert>

namespace punchline {

void ChunkHolds::add(Chunk& chunk, std::uint32_t records) {
  chunk.hold(records);
  records_ += records;
  const auto known = std::find_if(held_.rbegin(), held_.rend(),
                                  [&](const Held& held) { return held.chunk == &chunk; });
  if (known != held_.rend()) {
    known->records += records;
  } else {
    held_.push_back({&chunk, records});
  }
}

void ChunkHolds::give_back(Chunk& chunk, std::uint32_t records) {
  const auto known = std::find_if(held_.begin(), held_.end(),
                                  [&](const Held& held) { return held.chunk == &chunk; });
  assert(known != held_.end() && known->records >= records);
  known->records -= records;
  records_ -= records;
  if (known->records == 0) held_.erase(known);
  chunk.release(records);
}

void ChunkHolds::give_back_all() {
  for (const Held& held : held_)
    held.chunk->release(held.records);
  held_.clear();
  records_ = 0;
}

}  // namespace punchline
