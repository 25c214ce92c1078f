#include "sinks/chunk.h"

#include <vector>

#include "tests/support/catch.h"

namespace punchline {
namespace {

constexpr std::size_t kBytes = ChunkPool::kChunkBytes;

std::vector<Chunk*> lend(ChunkPool& pool, int count) {
  std::vector<Chunk*> lent;
  for (int i = 0; i < count; ++i)
    lent.push_back(pool.lend());
  return lent;
}

void give_back(const std::vector<Chunk*>& chunks) {
  for (Chunk* chunk : chunks)
    chunk->release(1);
}

TEST_CASE("chunks are bounded, and one of any size may always be lent") {
  ChunkPool pool(2 * kBytes);
  const auto lent = lend(pool, 2);
  CHECK(pool.lent_bytes() == 2 * kBytes);
  CHECK(pool.lend() == nullptr);
  give_back(lent);
  CHECK(pool.lent_bytes() == 0);
  Chunk* large = pool.lend(10 * kBytes);
  REQUIRE(large != nullptr);
  CHECK(pool.lend() == nullptr);
  large->release(1);
}

TEST_CASE("an owner that holds nothing is lent a chunk, whatever others hold") {
  ChunkPool pool(2 * kBytes);
  const auto others = lend(pool, 2);
  Chunk* first = pool.lend(kBytes, 1);
  REQUIRE(first != nullptr);
  CHECK(pool.lend(kBytes, 1) == nullptr);
  Chunk* of_another = pool.lend(kBytes, 2);
  CHECK(of_another != nullptr);
  first->release(1);
  first = pool.lend(kBytes, 1);
  CHECK(first != nullptr);
  give_back({first, of_another});
  give_back(others);
}

TEST_CASE("one large chunk at a time is lent beside whatever others hold") {
  ChunkPool pool(2 * kBytes);
  const auto others = lend(pool, 2);
  Chunk* large = pool.lend(10 * kBytes, 1);
  REQUIRE(large != nullptr);
  CHECK(pool.lend(10 * kBytes, 2) == nullptr);
  large->release(1);
  large = pool.lend(10 * kBytes, 2);
  CHECK(large != nullptr);
  give_back({large});
  give_back(others);
}

TEST_CASE("a time that is refused becomes a header, which counts; no time stays none") {
  RecordExtra extra;
  extra.refuse_time();
  CHECK(extra.refused_time_ms == -1);
  CHECK(extra.headers_bytes == 0);
  extra.timestamp_ms = 1'800'000'000'000;
  for (int again = 0; again < 2; ++again) {
    extra.refuse_time();
    CHECK(extra.timestamp_ms == -1);
    CHECK(extra.refused_time_ms == 1'800'000'000'000);
    CHECK(extra.headers_bytes >= header_bytes(kTimestampHeader.size(), 13));
    CHECK(extra.headers_bytes <= header_bytes(kTimestampHeader.size(), 19));
  }
}

TEST_CASE("a header costs its name, its value and the length of each") {
  CHECK(header_bytes(0, 0) == 2);
  CHECK(header_bytes(4, 1) == 4 + 1 + 2);
  CHECK(header_bytes(63, 64) == 63 + 64 + 1 + 2);  // zigzag: the length doubled
  CHECK(header_bytes(1, 8191) == 1 + 8191 + 1 + 2);
  CHECK(header_bytes(1, 8192) == 1 + 8192 + 1 + 3);
  CommonHeaders common;
  common.add("ab", "c");
  common.add("d", "");
  CHECK(common.bytes == 5 + 3);
  common.add_provenance();
  // "punchline.position" with 20 digits, "punchline.crc32c" with 8.
  CHECK(common.bytes == 8 + 40 + 26);
}

TEST_CASE("trim frees what was not needed since the last one, and no more") {
  ChunkPool pool(100 * kBytes);
  give_back(lend(pool, 10));
  CHECK(pool.trim() == 0);  // all of them were needed
  give_back(lend(pool, 3));
  const auto held = lend(pool, 1);
  CHECK(pool.trim() == 7 * kBytes);
  give_back(held);
  CHECK(pool.trim() == 2 * kBytes);  // but one was lent when this time began
  CHECK(pool.trim() == kBytes);
  CHECK(pool.trim() == 0);
  const auto again = lend(pool, 2);
  CHECK(again[0] != again[1]);
  give_back(again);
}

}  // namespace
}  // namespace punchline
