#include "sinks/chunk_holds.h"

#include "tests/support/catch.h"

namespace punchline {
namespace {

TEST_CASE("holds are counted per chunk and given back at once") {
  ChunkPool pool(std::size_t{1} << 24U);
  Chunk* a = pool.lend();
  Chunk* b = pool.lend();
  ChunkHolds holds;
  holds.add(*a, 5);
  holds.add(*b, 2);
  holds.add(*a, 1);
  CHECK(holds.records() == 8);
  CHECK(a->holds() == 7);
  holds.give_back(*a, 4);
  CHECK(a->holds() == 3);
  a->release(1);
  b->release(1);
  CHECK(pool.lent_bytes() == 2 * ChunkPool::kChunkBytes);
  holds.give_back_all();
  CHECK(holds.records() == 0);
  CHECK(pool.lent_bytes() == 0);
}

}  // namespace
}  // namespace punchline
