#include "buffer/state.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <utility>

#include "buffer/crc32c.h"
#include "buffer/little_endian.h"

namespace punchline {
namespace {

constexpr std::uint8_t kVersion = 2;
constexpr std::uint8_t kVersionMin = 1;
constexpr std::uint16_t kFlagGapSeen = 1;
constexpr std::uint16_t kFlagSyncFailed = 2;
constexpr std::uint16_t kFlagsKnown = kFlagGapSeen | kFlagSyncFailed;

// Offsets within the state attribute (FORMAT.md, "Attributes").
constexpr std::size_t kAtVersion = 0;
constexpr std::size_t kAtFormat = 1;
constexpr std::size_t kAtFlags = 2;
constexpr std::size_t kAtChecksum = 4;
constexpr std::size_t kAtUuid = 8;
constexpr std::size_t kAtBase = 24;
constexpr std::size_t kAtFront = 32;
constexpr std::size_t kAtSynced = 40;
constexpr std::size_t kAtBoot = 48;
constexpr std::size_t kAtIdentity = 56;

// Offsets within the attribute of the partitions.
constexpr std::size_t kAtPartitions = 4;
constexpr std::size_t kAtTopic = 8;
constexpr std::size_t kAtStripe = 12;
constexpr std::size_t kAtKeyRule = 20;

// Over everything but the checksum's own four bytes.
std::uint32_t checksum(std::string_view bytes) {
  const auto head = crc32c(bytes.substr(0, kAtChecksum));
  return crc32c(bytes.substr(kAtChecksum + 4), head);
}

bool sane(const State& state, std::uint16_t flags) {
  return state.format <= Format::frames && state.front >= state.base && (flags & ~kFlagsKnown) == 0;
}

/// A checksum, then the last `numbers_max` of the numbers.
template <class T>
std::string encode_last(const std::vector<T>& numbers, std::size_t numbers_max) {
  const auto kept = std::min(numbers.size(), numbers_max);
  std::string bytes(4 + sizeof(T) * kept, '\0');
  for (std::size_t i = 0; i < kept; ++i)
    put_number(bytes, 4 + sizeof(T) * i, numbers[numbers.size() - kept + i]);
  put_number(bytes, 0, crc32c(std::string_view(bytes).substr(4)));
  return bytes;
}

template <class T>
Decoded decode_list(std::string_view bytes, std::vector<T>& numbers) {
  if (bytes.size() < 4 || (bytes.size() - 4) % sizeof(T) != 0 ||
      get_number<std::uint32_t>(bytes, 0) != crc32c(bytes.substr(4))) {
    return Decoded::damaged;
  }
  numbers.clear();
  for (std::size_t at = 4; at < bytes.size(); at += sizeof(T))
    numbers.push_back(get_number<T>(bytes, at));
  return Decoded::ok;
}

}  // namespace

const char* name_of(Format format) {
  static constexpr std::array kNames = {"none", "lines", "frames"};
  return kNames[static_cast<std::size_t>(format)];
}

std::string to_string(const Uuid& uuid) {
  static constexpr char kHex[] = "0123456789abcdef";
  std::string text;
  for (std::size_t i = 0; i < uuid.size(); ++i) {
    if (i == 4 || i == 6 || i == 8 || i == 10) text += '-';
    text += kHex[uuid[i] >> 4];
    text += kHex[uuid[i] & 15];
  }
  return text;
}

std::string encode(const State& state) {
  std::string bytes(kStateBytes, '\0');
  put_number(bytes, kAtVersion, kVersion);
  put_number(bytes, kAtFormat, static_cast<std::uint8_t>(state.format));
  const int flags = (state.gap_seen ? kFlagGapSeen : 0) | (state.sync_failed ? kFlagSyncFailed : 0);
  put_number(bytes, kAtFlags, static_cast<std::uint16_t>(flags));
  std::memcpy(bytes.data() + kAtUuid, state.uuid.data(), state.uuid.size());
  put_number(bytes, kAtBase, state.base);
  put_number(bytes, kAtFront, state.front);
  put_number(bytes, kAtSynced,
             state.synced - state.front);  // two's complement: may be below the front
  put_number(bytes, kAtBoot, state.boot);
  put_number(bytes, kAtIdentity, state.identity);
  put_number(bytes, kAtChecksum, checksum(bytes));
  return bytes;
}

Decoded decode(std::string_view bytes, State& state) {
  // Version and checksum are at the same places in all versions. The checksum covers whatever else
  // is there.
  if (bytes.size() < kAtUuid || get_number<std::uint32_t>(bytes, kAtChecksum) != checksum(bytes)) {
    return Decoded::damaged;
  }
  const auto version = get_number<std::uint8_t>(bytes, kAtVersion);
  if (version > kVersion) return Decoded::newer_version;
  if (version < kVersionMin || bytes.size() != kStateBytes) return Decoded::damaged;
  const auto flags = get_number<std::uint16_t>(bytes, kAtFlags);
  State read;
  read.format = static_cast<Format>(get_number<std::uint8_t>(bytes, kAtFormat));
  read.gap_seen = (flags & kFlagGapSeen) != 0;
  read.sync_failed = (flags & kFlagSyncFailed) != 0;
  std::memcpy(read.uuid.data(), bytes.data() + kAtUuid, read.uuid.size());
  read.base = get_number<Position>(bytes, kAtBase);
  read.front = get_number<Position>(bytes, kAtFront);
  read.synced = read.front + get_number<std::uint64_t>(bytes, kAtSynced);
  read.boot = get_number<std::uint64_t>(bytes, kAtBoot);
  read.identity = get_number<std::uint32_t>(bytes, kAtIdentity);
  if (!sane(read, flags)) return Decoded::damaged;
  state = read;
  return Decoded::ok;
}

bool is_of_older_version(std::string_view bytes) {
  return !bytes.empty() && get_number<std::uint8_t>(bytes, kAtVersion) < kVersion;
}

std::string encode_fences(const std::vector<Position>& fences) {
  return encode_last(fences, kFencesMax);
}

Decoded decode_fences(std::string_view bytes, std::vector<Position>& fences) {
  if (decode_list(bytes, fences) != Decoded::ok) return Decoded::damaged;
  return std::is_sorted(fences.begin(), fences.end()) ? Decoded::ok : Decoded::damaged;
}

std::string encode_salts(const std::vector<std::uint32_t>& salts) {
  return encode_last(salts, kSaltsMax);
}

Decoded decode_salts(std::string_view bytes, std::vector<std::uint32_t>& salts) {
  return decode_list(bytes, salts);
}

std::string encode_spread(const Spread& spread) {
  std::string bytes(spread.stripe_bytes == 0 ? kAtStripe : kAtKeyRule, '\0');
  put_number(bytes, kAtPartitions, spread.partitions);
  put_number(bytes, kAtTopic, spread.topic_checksum);
  if (spread.stripe_bytes > 0) {
    put_number(bytes, kAtStripe, spread.stripe_bytes);
    bytes += spread.key_rule.substr(0, kKeyRuleBytesMax);
  }
  put_number(bytes, 0, crc32c(std::string_view(bytes).substr(4)));
  return bytes;
}

// Earlier programs wrote only the number of partitions and the topic.
Decoded decode_spread(std::string_view bytes, Spread& spread) {
  const bool is_short = bytes.size() == kAtStripe;
  const bool is_long = bytes.size() >= kAtKeyRule && bytes.size() <= kAtKeyRule + kKeyRuleBytesMax;
  if ((!is_short && !is_long) ||
      get_number<std::uint32_t>(bytes, 0) != crc32c(bytes.substr(4))) {
    return Decoded::damaged;
  }
  Spread read{get_number<std::uint32_t>(bytes, kAtPartitions),
              get_number<std::uint32_t>(bytes, kAtTopic)};
  if (is_long) {
    read.stripe_bytes = get_number<std::uint64_t>(bytes, kAtStripe);
    read.key_rule = bytes.substr(kAtKeyRule);
    if (read.stripe_bytes == 0) return Decoded::damaged;
  }
  spread = std::move(read);
  return Decoded::ok;
}

std::string encode_freed(const Freed& freed) {
  std::vector<std::uint32_t> list = {freed.uuid_checksum, freed.kept_checksum};
  for (const auto at : {freed.to, freed.front})
    list.insert(list.end(), {static_cast<std::uint32_t>(at.value()),
                             static_cast<std::uint32_t>(at.value() >> 32)});
  return encode_last(list, list.size());
}

Decoded decode_freed(std::string_view bytes, Freed& freed) {
  std::vector<std::uint32_t> list;
  if (decode_list(bytes, list) != Decoded::ok || list.size() != 6) return Decoded::damaged;
  const auto position = [&](std::size_t at) {
    return Position(list[at] | std::uint64_t{list[at + 1]} << 32);
  };
  freed = {list[0], position(2), position(4), list[1]};
  return freed.to <= freed.front ? Decoded::ok : Decoded::damaged;
}

std::uint64_t fold_boot_id(std::string_view boot_id) {
  std::uint64_t halves[2] = {0, 0};
  int digits = 0;
  for (const char c : boot_id) {
    const char* hex = "0123456789abcdef";
    const auto* at = c == '\0' ? nullptr : std::strchr(hex, c);
    if (at == nullptr || digits == 32) continue;
    auto& half = halves[digits++ / 16];
    half = half << 4 | static_cast<std::uint64_t>(at - hex);
  }
  return halves[0] ^ halves[1];
}

std::uint32_t fold_identity(std::uint64_t inode, std::int64_t birth_ns) {
  std::string bytes(16, '\0');
  put_number(bytes, 0, inode);
  put_number(bytes, 8, birth_ns);
  return crc32c(bytes);
}

}  // namespace punchline
