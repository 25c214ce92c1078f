#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace punchline {

/// A record of format frames as a writer gives it: a payload of any bytes, with the key, headers
/// and timestamp that Kafka keeps beside it.
struct FrameRecord {
  struct Header {
    std::string_view name;                  ///< UTF-8 for Kafka; at most 65,535 bytes.
    std::optional<std::string_view> value;  ///< Empty optional: a null value.
  };
  std::string_view payload;
  std::optional<std::string_view> key;  ///< Empty optional: no key; differs from an empty key.
  std::vector<Header> headers;
  std::int64_t timestamp_ms = kNoTimestamp;  ///< Since the epoch.

  static constexpr std::int64_t kNoTimestamp = -1;
};

/// The layout of buffer/FORMAT.md, "Format frames". Sizes in bytes.
inline constexpr std::string_view kFrameMarker = "\xa9PL\x01";  ///< No NUL; last byte: version.
inline constexpr std::size_t kFrameHeadBytes = 36;
inline constexpr std::size_t kFrameTailBytes = 4;
/// All that a frame holds besides key, headers and payload.
inline constexpr std::size_t kFrameOverheadBytes = kFrameHeadBytes + kFrameTailBytes;
/// The size of the largest frame: the largest record_bytes_max and the overhead.
inline constexpr std::uint32_t kFrameBytesMax = (64U << 20U) + kFrameOverheadBytes;

/// The head of a frame, decoded. Offsets are relative to the frame's first byte.
struct FrameHead {
  std::uint32_t check = 0;  ///< CRC-32C of the head; six bits of each byte are in the tail.
  std::uint32_t salt = 0;   ///< The salt of the file it was written for (frame_salt()).
  std::uint32_t frame_bytes = 0;
  std::int64_t timestamp_ms = FrameRecord::kNoTimestamp;
  bool has_key = false;
  std::uint32_t key_bytes = 0;      ///< The key begins at kFrameHeadBytes.
  std::uint32_t headers_bytes = 0;  ///< The headers follow the key.
  std::uint32_t body_check = 0;     ///< CRC-32C of key, headers and payload.

  std::uint32_t headers() const { return kFrameHeadBytes + key_bytes; }
  std::uint32_t payload() const { return headers() + headers_bytes; }
  std::uint32_t payload_bytes() const { return frame_bytes - kFrameTailBytes - payload(); }
  /// The bytes that record_bytes_max limits: key, headers and payload.
  std::uint32_t record_bytes() const { return frame_bytes - kFrameOverheadBytes; }
};

enum class FrameFound : std::uint8_t {
  frame,      ///< Whole and sound.
  head,       ///< A sound head, but the rest is not all there.
  too_short,  ///< It may become a head: the bytes end too early to tell.
  none,       ///< No frame begins here, or it is damaged.
};

/// Appends `record` as one frame to `into`. record_bytes_of(record) must not exceed 64 MiB, nor a
/// header's name 65,535 bytes.
void encode_frame(const FrameRecord& record, std::uint32_t salt, std::string& into);

/// The size of key, headers and payload as record_bytes_max counts it.
std::uint64_t record_bytes_of(const FrameRecord& record);

/// Decodes the head that `bytes` begin with. Returns head, too_short or none.
FrameFound decode_frame_head(std::string_view bytes, FrameHead& head);
/// Decodes the frame that `bytes` begin with, with all checks.
FrameFound decode_frame(std::string_view bytes, FrameHead& head);
/// `tail`: the last kFrameTailBytes of the frame whose head this is. A torn frame fails this.
bool tail_fits(const FrameHead& head, std::string_view tail);

/// Takes the headers of a frame apart that decode_frame() found sound. `bytes` are those from
/// head.headers() on; the views point into them.
void decode_frame_headers(std::string_view bytes, std::vector<FrameRecord::Header>& headers);

/// The salt of a file: CRC-32C of its inode number and birth time (fold_identity()). All writers
/// arrive at the same salt without asking each other.
std::uint32_t frame_salt(std::uint64_t inode, std::int64_t birth_ns);

}  // namespace punchline
