#include "sinks/chunk.h"

#include <algorithm>
#include <bit>
#include <cassert>
#include <set>
#include <utility>

namespace punchline {
namespace {

constexpr std::size_t kPositionDigitsMax = 20;
constexpr std::size_t kTimestampDigitsMax = 19;
constexpr std::size_t kSumDigits = 8;

std::size_t varint_bytes(std::uint64_t number) {
  const auto zigzag = number * 2;
  return (std::max<std::size_t>(std::bit_width(zigzag), 1) + 6) / 7;
}

}  // namespace

std::size_t header_bytes(std::size_t name_bytes, std::size_t value_bytes) {
  return varint_bytes(name_bytes) + name_bytes + varint_bytes(value_bytes) + value_bytes;
}

void RecordExtra::refuse_time() {
  if (timestamp_ms < 0) return;
  refused_time_ms = std::exchange(timestamp_ms, -1);
  headers_bytes += static_cast<std::uint32_t>(
      header_bytes(kTimestampHeader.size(), kTimestampDigitsMax));
}

void CommonHeaders::add(std::string name, std::string value) {
  bytes += header_bytes(name.size(), value.size());
  headers.emplace_back(std::move(name), std::move(value));
}

void CommonHeaders::add_provenance() {
  provenance = true;
  bytes += header_bytes(kPositionHeader.size(), kPositionDigitsMax) +
           header_bytes(kSumHeader.size(), kSumDigits);
}

Chunk::Chunk(ChunkPool& pool, std::size_t bytes_max)
    : pool_(pool), bytes_max_(bytes_max), memory_(new char[bytes_max]) {
  records.reserve(ChunkPool::kRecordsPerChunkMax);
}

void Chunk::release(std::uint32_t count) {
  assert(count <= holds_);
  holds_ -= count;
  if (holds_ == 0) pool_.take_back(*this);
}

ChunkPool::~ChunkPool() {
  // A chunk that a dying client may still read is better kept for ever than freed while it is read.
  // It is kept where leak checkers see that this is meant.
  static auto* const kept = new std::vector<std::unique_ptr<Chunk>>;
  for (auto& chunk : chunks_) {
    if (chunk->holds() != 0) kept->push_back(std::move(chunk));
  }
}

bool ChunkPool::may_exceed(std::size_t bytes, std::uint32_t owner) const {
  return bytes == kChunkBytes ? !held_.contains(owner) : extra_ == nullptr;
}

Chunk* ChunkPool::lend(std::size_t bytes, std::uint32_t owner) {
  bytes = std::max(bytes, kChunkBytes);
  const bool fits = lent_bytes_ + bytes <= bytes_max_;
  if (!fits && !may_exceed(bytes, owner)) return nullptr;
  Chunk* chunk = nullptr;
  if (bytes == kChunkBytes && !free_.empty()) {
    chunk = free_.back();
    free_.pop_back();
    idle_ = std::min(idle_, free_.size());
  } else {
    chunks_.push_back(std::make_unique<Chunk>(*this, bytes));
    chunk = chunks_.back().get();
  }
  lent_bytes_ += chunk->bytes_max();
  if (!fits && bytes > kChunkBytes) extra_ = chunk;
  ++held_[owner];
  chunk->owner = owner;
  chunk->records.clear();
  chunk->extras.clear();
  chunk->headers.clear();
  chunk->texts.clear();
  chunk->common = nullptr;
  chunk->hold(1);
  return chunk;
}

void ChunkPool::take_back(Chunk& chunk) {
  lent_bytes_ -= chunk.bytes_max();
  if (extra_ == &chunk) extra_ = nullptr;
  const auto of_owner = held_.find(chunk.owner);
  if (--of_owner->second == 0) held_.erase(of_owner);
  if (chunk.bytes_max() == kChunkBytes) {
    free_.push_back(&chunk);
    return;
  }
  // Large chunks are rare: their memory goes back at once.
  std::erase_if(chunks_, [&](const auto& held) { return held.get() == &chunk; });
}

std::size_t ChunkPool::trim() {
  const auto idle_end = free_.begin() + static_cast<std::ptrdiff_t>(idle_);
  const std::set<Chunk*> idle(free_.begin(), idle_end);
  free_.erase(free_.begin(), idle_end);
  idle_ = free_.size();
  std::erase_if(chunks_, [&](const auto& held) { return idle.contains(held.get()); });
  return idle.size() * kChunkBytes;
}

}  // namespace punchline
