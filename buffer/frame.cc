#include "buffer/frame.h"

#include <algorithm>
#include <cassert>
#include <cstring>
#include <limits>

#include "buffer/crc32c.h"
#include "buffer/little_endian.h"
#include "buffer/state.h"

namespace punchline {
namespace {

// Offsets within a frame (FORMAT.md, "Format frames").
constexpr std::size_t kAtCheck = 4;
constexpr std::size_t kAtSalt = 8;
constexpr std::size_t kAtFrameBytes = 12;
constexpr std::size_t kAtTimestamp = 16;
constexpr std::size_t kAtKeyBytes = 24;
constexpr std::size_t kAtHeadersBytes = 28;
constexpr std::size_t kAtBodyCheck = 32;

constexpr std::uint32_t kNone = std::numeric_limits<std::uint32_t>::max();  // no key, a null value
constexpr std::size_t kHeaderOverheadBytes = 6;  // 2 for the name's length, 4 for the value's

/// No byte of the tail is NUL or the first byte of the marker. So a frame that lacks its last bytes
/// is never completed by what follows it, which would cost the next frame its beginning.
std::uint32_t tail_of(std::uint32_t check) {
  return (check & 0x7f7f7f7fU) | 0x01010101U;
}

std::size_t bytes_of(const std::vector<FrameRecord::Header>& headers) {
  std::size_t bytes = 0;
  for (const auto& header : headers) {
    bytes += kHeaderOverheadBytes + header.name.size() + header.value.value_or("").size();
  }
  return bytes;
}

void append_headers(const std::vector<FrameRecord::Header>& headers, std::string& into) {
  for (const auto& header : headers) {
    assert(header.name.size() <= std::numeric_limits<std::uint16_t>::max());
    append_number(into, static_cast<std::uint16_t>(header.name.size()));
    append_number(into, header.value ? static_cast<std::uint32_t>(header.value->size()) : kNone);
    into += header.name;
    into += header.value.value_or("");
  }
}

// `bytes` hold the marker and the whole head.
FrameHead parse(std::string_view bytes) {
  FrameHead head;
  head.check = get_number<std::uint32_t>(bytes, kAtCheck);
  head.salt = get_number<std::uint32_t>(bytes, kAtSalt);
  head.frame_bytes = get_number<std::uint32_t>(bytes, kAtFrameBytes);
  head.timestamp_ms = get_number<std::int64_t>(bytes, kAtTimestamp);
  const auto key_bytes = get_number<std::uint32_t>(bytes, kAtKeyBytes);
  head.has_key = key_bytes != kNone;
  head.key_bytes = head.has_key ? key_bytes : 0;
  head.headers_bytes = get_number<std::uint32_t>(bytes, kAtHeadersBytes);
  head.body_check = get_number<std::uint32_t>(bytes, kAtBodyCheck);
  return head;
}

/// Takes one header off `bytes`. False if it is not well-formed.
bool take_header(std::string_view& bytes, FrameRecord::Header& header) {
  if (bytes.size() < kHeaderOverheadBytes) return false;
  const std::size_t name_bytes = get_number<std::uint16_t>(bytes, 0);
  const auto value = get_number<std::uint32_t>(bytes, 2);
  const std::size_t value_bytes = value == kNone ? 0 : value;
  bytes.remove_prefix(kHeaderOverheadBytes);
  if (bytes.size() < name_bytes || bytes.size() - name_bytes < value_bytes) return false;
  header = {bytes.substr(0, name_bytes), std::nullopt};
  if (value != kNone) header.value = bytes.substr(name_bytes, value_bytes);
  bytes.remove_prefix(name_bytes + value_bytes);
  return true;
}

bool headers_are_sound(std::string_view bytes) {
  FrameRecord::Header header;
  while (!bytes.empty())
    if (!take_header(bytes, header)) return false;
  return true;
}

bool lengths_fit(const FrameHead& head) {
  const auto beside = std::uint64_t{head.key_bytes} + head.headers_bytes + kFrameOverheadBytes;
  return head.frame_bytes <= kFrameBytesMax && beside <= head.frame_bytes;
}

}  // namespace

std::uint64_t record_bytes_of(const FrameRecord& record) {
  return record.key.value_or("").size() + bytes_of(record.headers) + record.payload.size();
}

void encode_frame(const FrameRecord& record, std::uint32_t salt, std::string& into) {
  const auto begin = into.size();
  const auto frame_bytes = kFrameOverheadBytes + record_bytes_of(record);
  assert(frame_bytes <= kFrameBytesMax);
  into.reserve(begin + frame_bytes);
  into.resize(begin + kFrameHeadBytes);
  into += record.key.value_or("");
  append_headers(record.headers, into);
  into += record.payload;
  const auto body_check = crc32c(std::string_view(into).substr(begin + kFrameHeadBytes));
  into.replace(begin, kFrameMarker.size(), kFrameMarker);
  put_number(into, begin + kAtSalt, salt);
  put_number(into, begin + kAtFrameBytes, static_cast<std::uint32_t>(frame_bytes));
  put_number(into, begin + kAtTimestamp, record.timestamp_ms);
  put_number(into, begin + kAtKeyBytes,
             record.key ? static_cast<std::uint32_t>(record.key->size()) : kNone);
  put_number(into, begin + kAtHeadersBytes, static_cast<std::uint32_t>(bytes_of(record.headers)));
  put_number(into, begin + kAtBodyCheck, body_check);
  const auto checked = std::string_view(into).substr(begin + kAtSalt, kFrameHeadBytes - kAtSalt);
  const auto check = crc32c(checked);
  put_number(into, begin + kAtCheck, check);
  append_number(into, tail_of(check));
}

FrameFound decode_frame_head(std::string_view bytes, FrameHead& head) {
  const auto marker = std::min(bytes.size(), kFrameMarker.size());
  if (bytes.substr(0, marker) != kFrameMarker.substr(0, marker)) return FrameFound::none;
  if (bytes.size() < kFrameHeadBytes) return FrameFound::too_short;
  head = parse(bytes);
  if (head.check != crc32c(bytes.substr(kAtSalt, kFrameHeadBytes - kAtSalt))) {
    return FrameFound::none;
  }
  return lengths_fit(head) ? FrameFound::head : FrameFound::none;
}

FrameFound decode_frame(std::string_view bytes, FrameHead& head) {
  const auto found = decode_frame_head(bytes, head);
  if (found != FrameFound::head || bytes.size() < head.frame_bytes) return found;
  const auto body_end = head.frame_bytes - kFrameTailBytes;
  if (!tail_fits(head, bytes.substr(body_end, kFrameTailBytes))) return FrameFound::none;
  const auto body = bytes.substr(kFrameHeadBytes, body_end - kFrameHeadBytes);
  if (crc32c(body) != head.body_check) return FrameFound::none;
  const auto headers = bytes.substr(head.headers(), head.headers_bytes);
  return headers_are_sound(headers) ? FrameFound::frame : FrameFound::none;
}

bool tail_fits(const FrameHead& head, std::string_view tail) {
  return get_number<std::uint32_t>(tail, 0) == tail_of(head.check);
}

void decode_frame_headers(std::string_view bytes, std::vector<FrameRecord::Header>& headers) {
  headers.clear();
  FrameRecord::Header header;
  while (!bytes.empty() && take_header(bytes, header))
    headers.push_back(header);
}

std::uint32_t frame_salt(std::uint64_t inode, std::int64_t birth_ns) {
  return fold_identity(inode, birth_ns);
}

}  // namespace punchline
