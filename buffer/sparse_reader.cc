#include "buffer/sparse_reader.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <optional>
#include <utility>

#include <fcntl.h>

#include "buffer/base/byte_range.h"
#include "buffer/nuls.h"

namespace punchline {
namespace {

constexpr std::size_t kBlockBytes = 4096;
constexpr std::size_t kSmallBytes = 4 * kBlockBytes;
constexpr std::size_t kSegmentsMax = 64;  // in one read; the bytes after them are read plainly

/// True if any block is only NULs.
bool has_hole(Offset from, std::span<const char> bytes) {
  auto at = static_cast<std::size_t>(block_after(from, kBlockBytes) - from);
  for (; at + kBlockBytes <= bytes.size(); at += kBlockBytes) {
    if (bytes[at] == 0 && leading_nuls(bytes.subspan(at, kBlockBytes)) == kBlockBytes) return true;
  }
  return false;
}

/// Data, followed by a hole and by more data.
struct Segment {
  OffsetRange data;
  Offset next_data = 0;
};

/// Empty if no hole begins before `end`, or if the file ends with the hole.
Result<std::optional<Segment>> segment_at(const Descriptor& file, Offset at, Offset end) {
  const auto hole = file.next_hole(at);
  if (!hole) return hole.error();
  if (*hole >= end) return std::optional<Segment>{};
  const auto data = file.next_data(*hole);
  if (!data) return data.error();
  if (!*data || **data <= *hole) return std::optional<Segment>{};
  return std::optional<Segment>{{{at, *hole}, **data}};
}

}  // namespace

Result<std::size_t> SparseReader::read_at(const Descriptor& file, Offset from,
                                          std::span<char> into) {
  if (into.size() < kSmallBytes) return file.read_at(from, into);  // a look at a byte or two
  if (sparse_) return read_segments(file, from, into);
  const auto read = file.read_at(from, into);
  be_sparse(file, read && has_hole(from, into.first(*read)));
  return read;
}

/// Reading ahead would fill the holes after each piece of data with pages of zeroes.
void SparseReader::be_sparse(const Descriptor& file, bool sparse) {
  if (std::exchange(sparse_, sparse) != sparse) file.read_ahead(!sparse);
}

// Reads the data between the holes, and fills the holes in with NULs. One byte more than the data
// is read each time. If that byte is not NUL, something has been written there since the hole was
// seen, and the rest is read plainly.
Result<std::size_t> SparseReader::read_segments(const Descriptor& file, Offset from,
                                                std::span<char> into) {
  const auto end = from + into.size();
  std::array<Segment, kSegmentsMax> segments;
  std::size_t count = 0;
  for (auto at = from; at < end && count < segments.size(); ++count) {
    const auto segment = segment_at(file, at, end);
    if (!segment) return segment.error();
    if (!*segment) break;
    segments[count] = **segment;
    file.will_need({at, (*segment)->data.end});
    at = (*segment)->next_data;
  }
  be_sparse(file, count > 0);
  std::size_t done = 0;
  for (const auto& segment : std::span(segments).first(count)) {
    const auto data = static_cast<std::size_t>(segment.data.size());
    const auto read = file.read_at(segment.data.begin, into.subspan(done, data + 1));
    if (!read) return read.error();
    if (*read <= data || into[done + data] != 0) break;
    const auto next = std::min(segment.next_data, end);
    std::memset(into.data() + done + data, 0, next - segment.data.end);
    done = static_cast<std::size_t>(next - from);
  }
  const auto rest = file.read_at(from + done, into.subspan(done));
  if (!rest) return rest.error();
  return done + *rest;
}

}  // namespace punchline
