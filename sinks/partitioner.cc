#include "sinks/partitioner.h"

#include <cassert>

namespace punchline {
namespace {

std::uint32_t byte_at(std::string_view key, std::size_t at) {
  return static_cast<std::uint8_t>(key[at]);
}

/// Utils.murmur2 of Kafka's clients: MurmurHash2 with this seed, read little-endian.
std::uint32_t murmur2(std::string_view key) {
  constexpr std::uint32_t kSeed = 0x9747b28c;
  constexpr std::uint32_t kMultiplier = 0x5bd1e995;
  constexpr int kShift = 24;
  std::uint32_t hash = kSeed ^ static_cast<std::uint32_t>(key.size());
  std::size_t at = 0;
  for (; at + 4 <= key.size(); at += 4) {
    std::uint32_t word = byte_at(key, at) | byte_at(key, at + 1) << 8 | byte_at(key, at + 2) << 16 |
                         byte_at(key, at + 3) << 24;
    word *= kMultiplier;
    word ^= word >> kShift;
    word *= kMultiplier;
    hash *= kMultiplier;
    hash ^= word;
  }
  const auto rest = key.size() - at;
  if (rest >= 3) hash ^= byte_at(key, at + 2) << 16;
  if (rest >= 2) hash ^= byte_at(key, at + 1) << 8;
  if (rest >= 1) hash = (hash ^ byte_at(key, at)) * kMultiplier;
  hash ^= hash >> 13;
  hash *= kMultiplier;
  return hash ^ hash >> 15;
}

}  // namespace

std::int32_t keyed_partition(std::string_view key, std::int32_t count) {
  assert(count > 0);
  return static_cast<std::int32_t>((murmur2(key) & 0x7fffffffU) %
                                   static_cast<std::uint32_t>(count));
}

std::int32_t keyless_partition(Position position, std::uint64_t stripe_bytes, std::int32_t count) {
  assert(stripe_bytes > 0 && count > 0);
  const auto stripe = position.value() / stripe_bytes;
  return static_cast<std::int32_t>(stripe % static_cast<std::uint64_t>(count));
}

}  // namespace punchline
