#include "buffer/kept_bytes.h"

#include <algorithm>
#include <string_view>

#include "buffer/crc32c.h"
#include "buffer/frame.h"

namespace punchline {
namespace {

constexpr std::string_view kCleanBytes("\0\n", 2);

Result<std::string> bytes_of(Space& space, ByteRange range) {
  std::string bytes(range.size(), '\0');
  const auto read = space.read_at(range.begin, bytes);
  if (!read) return read.error();
  bytes.resize(*read);
  return bytes;
}

/// Where the frame begins if `at` lies in its head, otherwise `at`. The first byte that has changed
/// may come after the marker, which the old frame had too.
std::size_t frame_begin(std::string_view bytes, std::size_t at) {
  const auto marker = bytes.substr(0, at + kFrameMarker.size()).rfind(kFrameMarker);
  return marker != std::string_view::npos && marker + kFrameHeadBytes > at ? marker : at;
}

/// Where the next frame begins. The last byte that has changed may come before the end of its
/// frame, since the old frame may have had the same bytes there.
std::size_t frame_end(std::string_view bytes, std::size_t at) {
  return std::min(bytes.find(kFrameMarker, at + 1), bytes.size());
}

std::size_t line_begin(std::string_view bytes, std::size_t at) {
  return at == 0 ? 0 : bytes.rfind('\n', at - 1) + 1;  // npos + 1 is 0
}

std::size_t line_end(std::string_view bytes, std::size_t at) {
  return std::min(bytes.find('\n', at), bytes.size() - 1) + 1;
}

}  // namespace

Status KeptBytes::remember(Space& space, ByteRange range) {
  if (range.size() > kBytesMax) range.begin = range.end - kBytesMax;
  const auto bytes = bytes_of(space, range);
  if (!bytes) return bytes.error();
  range_ = range;
  bytes_ = *bytes;
  checksum_ = crc32c(bytes_);
  return {};
}

void KeptBytes::expect(ByteRange range, std::uint32_t checksum) {
  range_ = range;
  checksum_ = checksum;
  bytes_.clear();
}

Result<std::vector<ByteRange>> KeptBytes::overwritten(Space& space) {
  const auto format = space.format();
  std::vector<ByteRange> found;
  if (range_.empty() || range_.begin < space.base()) return found;
  auto now = bytes_of(space, range_);
  if (!now) return now.error();
  const auto checksum = crc32c(*now);
  if (checksum == checksum_) {
    bytes_ = std::move(*now);
    return found;
  }
  const auto all = bytes_.empty() ? IndexRange{0, now->size()} : changed(*now, format);
  for (auto at = all.begin; at < all.end;) {
    const auto end = format == Format::frames ? all.end : line_end(*now, at);
    const auto text = std::string_view(*now).substr(at, end - at);
    const bool is_clean = text.find_first_not_of(kCleanBytes) == std::string_view::npos;
    if (!is_clean) found.push_back({range_.begin + at, range_.begin + end});
    at = end;
  }
  checksum_ = checksum;
  bytes_ = std::move(*now);
  return found;
}

/// The bytes that have changed, as places in `now`, from the beginning of a line to the end of one.
/// In frames they begin where a frame does, if one can be found.
IndexRange KeptBytes::changed(std::string_view now, Format format) const {
  const auto size = std::min(now.size(), bytes_.size());
  const auto differs = [&](std::size_t at) { return now[at] != bytes_[at] && now[at] != '\0'; };
  std::size_t begin = 0;
  while (begin < size && !differs(begin))
    ++begin;
  if (begin == size) return {};
  std::size_t last = size - 1;
  while (!differs(last))
    --last;
  if (format == Format::frames) return {frame_begin(now, begin), frame_end(now, last)};
  return {line_begin(now, begin), line_end(now, last)};
}

}  // namespace punchline
