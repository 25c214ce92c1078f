#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "buffer/base/byte_range.h"

namespace punchline {

/// Names of the extended attributes of a buffer (buffer/FORMAT.md, "Attributes").
inline constexpr std::string_view kStateAttribute = "user.punchline";
inline constexpr std::string_view kFencesAttribute = "user.punchline.fences";
inline constexpr std::string_view kLimitsAttribute = "user.punchline.limits";
inline constexpr std::string_view kSaltsAttribute = "user.punchline.salts";
inline constexpr std::string_view kNameAttribute = "user.punchline.name";
inline constexpr std::string_view kPartitionsAttribute = "user.punchline.partitions";
inline constexpr std::string_view kFreedAttribute = "user.punchline.freed";
inline constexpr std::string_view kClusterAttribute = "user.punchline.cluster";
inline constexpr std::string_view kLostAttribute = "user.punchline.lost";

using Uuid = std::array<std::uint8_t, 16>;

/// "01234567-89ab-cdef-0123-456789abcdef"
std::string to_string(const Uuid& uuid);

/// How records are stored in a buffer. The numbers are on disk: never change them.
enum class Format : std::uint8_t {
  none = 0,  ///< Nothing has been appended yet: the first record decides.
  lines = 1,
  frames = 2,
};
/// "none", "lines", "frames".
const char* name_of(Format format);

/// The contents of the state attribute: all that is remembered of a buffer besides its bytes. A
/// value.
struct State {
  Format format = Format::none;
  bool gap_seen = false;     ///< A producer without O_APPEND was here: never collapse this buffer.
  bool sync_failed = false;  ///< A sync failed: `synced` stays until the front is past all fences.
  Uuid uuid{};
  Position base = 0;           ///< Bytes collapsed so far: the position of file offset 0.
  Position front = 0;          ///< Everything below it is done, whatever the file holds there.
  Position synced = 0;         ///< Everything below it was durable at the last successful
                               ///< fdatasync. In lines the end of a line.
  std::uint64_t boot = 0;      ///< The boot that wrote it (fold_boot_id()).
  std::uint32_t identity = 0;  ///< The inode it was written for (fold_identity()).

  friend bool operator==(const State&, const State&) = default;
};

/// The size of an encoded state. A value of 60 bytes stays inside a 256-byte ext4 inode, so it can
/// be replaced on a full disk.
inline constexpr std::size_t kStateBytes = 60;

enum class Decoded : std::uint8_t {
  ok,
  damaged,        ///< Wrong size or checksum, or a combination that is never written.
  newer_version,  ///< Sound, but written by a later program: do not touch the file.
};

std::string encode(const State& state);
Decoded decode(std::string_view bytes, State& state);
/// Whether a sound state is of the older version. Programs that lock the buffer itself take such a
/// buffer for theirs until its state is replaced.
bool is_of_older_version(std::string_view bytes);

/// Fences, ascending. At most kFencesMax are kept: encode_fences() drops the lowest ones beyond
/// that. Careful reading stays as it is, but it is forgotten which lines span the dropped fences.
inline constexpr std::size_t kFencesMax = 128;
std::string encode_fences(const std::vector<Position>& fences);
Decoded decode_fences(std::string_view bytes, std::vector<Position>& fences);

/// Salts of other files whose frames a copy holds, oldest first. At most kSaltsMax are kept:
/// encode_salts() drops the first ones beyond that.
inline constexpr std::size_t kSaltsMax = 16;
std::string encode_salts(const std::vector<std::uint32_t>& salts);
Decoded decode_salts(std::string_view bytes, std::vector<std::uint32_t>& salts);

/// The settings that decide the partition of a record: the value of kPartitionsAttribute. They must
/// stay the same as long as any record that was sent by them waits.
struct Spread {
  std::uint32_t partitions = 0;      ///< 0: not known.
  std::uint32_t topic_checksum = 0;  ///< CRC-32C of the topic's name.
  std::uint64_t stripe_bytes = 0;    ///< 0: not known, and neither is the key rule.
  std::string key_rule = {};         ///< At most kKeyRuleBytesMax; "": no keys but frames' own.
  friend bool operator==(const Spread&, const Spread&) = default;
};
inline constexpr std::size_t kKeyRuleBytesMax = 255;
std::string encode_spread(const Spread& spread);
Decoded decode_spread(std::string_view bytes, Spread& spread);

/// The position up to which a buffer was certainly clean, and the checksum of the bytes left
/// between there and the front: the value of kFreedAttribute.
struct Freed {
  std::uint32_t uuid_checksum = 0;  ///< CRC-32C of the UUID of the state it belongs to.
  Position to = 0;                  ///< Below it are only NULs, and newlines that close them.
  Position front = 0;               ///< At or above `to`.
  std::uint32_t kept_checksum = 0;  ///< CRC-32C of the bytes between the two; 0: not known.
  friend bool operator==(const Freed&, const Freed&) = default;
};
std::string encode_freed(const Freed& freed);
Decoded decode_freed(std::string_view bytes, Freed& freed);

/// The text of /proc/sys/kernel/random/boot_id as a number: its 128 bits folded into 64.
std::uint64_t fold_boot_id(std::string_view boot_id);
/// Inode number and birth time (ns since the epoch) as one number.
std::uint32_t fold_identity(std::uint64_t inode, std::int64_t birth_ns);

}  // namespace punchline
