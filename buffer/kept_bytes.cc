#include "buffer/kept_bytes.h"

#include <algorithm>
#include <string_view>

#include "buffer/crc32c.h"

namespace punchline {
namespace {

constexpr std::string_view kCleanBytes("\0\n", 2);

Result<std::string> bytes_of(BufferFile& file, Position base, ByteRange range) {
  std::string bytes(range.size(), '\0');
  const auto read = file.read_at(range.begin - base, bytes);
  if (!read) return read.error();
  bytes.resize(*read);
  return bytes;
}

}  // namespace

Status KeptBytes::remember(BufferFile& file, Position base, ByteRange range) {
  range.begin = std::max(range.begin, range.end - std::min<Position>(range.end, kBytesMax));
  const auto bytes = bytes_of(file, base, range);
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

Result<std::vector<ByteRange>> KeptBytes::overwritten(BufferFile& file, Position base) {
  std::vector<ByteRange> lines;
  if (range_.empty() || range_.begin < base) return lines;
  auto now = bytes_of(file, base, range_);
  if (!now) return now.error();
  const auto checksum = crc32c(*now);
  if (checksum == checksum_) return lines;
  const auto all = bytes_.empty() ? ByteRange{0, now->size()} : changed(*now);
  for (auto at = all.begin; at < all.end;) {
    const auto end = std::min<std::uint64_t>(now->find('\n', at), all.end - 1) + 1;
    const auto line = std::string_view(*now).substr(at, end - at);
    const bool is_clean = line.find_first_not_of(kCleanBytes) == std::string_view::npos;
    if (!is_clean) lines.push_back({range_.begin + at, range_.begin + end});
    at = end;
  }
  checksum_ = checksum;
  bytes_ = std::move(*now);
  return lines;
}

/// From the beginning of a line to the end of one, as offsets in `now`.
ByteRange KeptBytes::changed(const std::string& now) const {
  const auto size = std::min(now.size(), bytes_.size());
  const auto differs = [&](std::size_t at) { return now[at] != bytes_[at] && now[at] != '\0'; };
  std::size_t begin = 0;
  while (begin < size && !differs(begin))
    ++begin;
  if (begin == size) return {};
  std::size_t last = size - 1;
  while (!differs(last))
    --last;
  const auto before = begin == 0 ? std::string::npos : now.rfind('\n', begin - 1);
  const auto newline = now.find('\n', last);
  return {before == std::string::npos ? 0 : before + 1,
          newline == std::string::npos ? size : newline + 1};
}

}  // namespace punchline
