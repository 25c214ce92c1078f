#include "buffer/collapse.h"

#include <algorithm>
#include <cstring>

#include "buffer/crc32c.h"
#include "buffer/little_endian.h"

namespace punchline {
namespace {

// Offsets within the intent attribute (FORMAT.md, "Collapsing").
constexpr std::size_t kAtChecksum = 0;
constexpr std::size_t kAtIdentity = 4;
constexpr std::size_t kAtUuid = 8;
constexpr std::size_t kAtBase = 24;
constexpr std::size_t kAtBytes = 32;
constexpr std::size_t kAtSegments = 40;
constexpr std::size_t kSegmentBytes = 16;

std::uint32_t checksum(std::string_view bytes) {
  return crc32c(bytes.substr(kAtIdentity));
}

bool sane(const CollapseIntent& intent) {
  if (intent.bytes == 0 || intent.segments.empty()) return false;
  Offset end(intent.bytes);
  for (const auto& segment : intent.segments) {
    if (segment.begin < end || segment.end <= segment.begin) return false;
    end = segment.end;
  }
  return true;
}

/// All segments of data from `from` on. Empty if there are none, or too many.
Result<std::optional<std::vector<OffsetRange>>> list_segments(BufferFile& file, Offset from) {
  std::optional<std::vector<OffsetRange>> segments(std::in_place);
  for (;;) {
    const auto data = file.next_data(from);
    if (!data) return data.error();
    if (!data->has_value()) break;
    if (segments->size() == kSegmentsListedMax) return std::optional<std::vector<OffsetRange>>();
    const auto hole = file.next_hole(**data);
    if (!hole) return hole.error();
    segments->push_back({**data, *hole});
    from = *hole;
  }
  if (segments->empty()) segments.reset();
  return segments;
}

/// Where the shifting stopped.
struct Seam {
  Shifted shifted = Shifted::all;
  std::optional<Offset> at;  ///< The hole that is still to be cut out begins here.
};

/// True if none of the segments is there any more, though the file is as long as they were. An
/// error of fdatasync had given them up, and a power cut took them. All bytes that come now come
/// after them.
Result<bool> are_gone(BufferFile& file, const CollapseIntent& intent) {
  const auto data = file.next_data(0);
  if (!data) return data.error();
  const auto end = intent.segments.back().end;
  if (data->has_value() && **data < end) return false;
  const auto facts = file.facts();
  if (!facts) return facts.error();
  return Offset(facts->size) >= end;
}

/// Follows the segments from the first one on. Each of them is where it was, or `intent.bytes`
/// further down, or broken in two with a hole of just that size in between.
Result<Seam> find_seam(BufferFile& file, const CollapseIntent& intent) {
  const auto gone = are_gone(file, intent);
  if (!gone) return gone.error();
  if (*gone) return Seam{Shifted::none, {}};
  Offset from = 0;
  for (const auto& segment : intent.segments) {
    const auto begin = file.next_data(from);
    if (!begin) return begin.error();
    if (*begin == segment.begin) {
      const bool first = &segment == &intent.segments.front();
      if (first) return Seam{Shifted::none, {}};
      return Seam{Shifted::all, segment.begin - intent.bytes};
    }
    if (*begin != segment.begin - intent.bytes) return Seam{Shifted::unlike, {}};
    const auto end = file.next_hole(**begin);
    if (!end) return end.error();
    if (*end < segment.end - intent.bytes) {
      const auto rest = file.next_data(*end);
      if (!rest) return rest.error();
      if (*rest != *end + intent.bytes) return Seam{Shifted::unlike, {}};
      return Seam{Shifted::all, *end};
    }
    from = *end;
  }
  return Seam{};
}

}  // namespace

std::string encode(const CollapseIntent& intent) {
  std::string bytes(kAtSegments + kSegmentBytes * intent.segments.size(), '\0');
  put_number(bytes, kAtIdentity, intent.identity);
  std::memcpy(bytes.data() + kAtUuid, intent.uuid.data(), intent.uuid.size());
  put_number(bytes, kAtBase, intent.base);
  put_number(bytes, kAtBytes, intent.bytes);
  auto at = kAtSegments;
  for (const auto& segment : intent.segments) {
    put_number(bytes, at, segment.begin);
    put_number(bytes, at + 8, segment.end);
    at += kSegmentBytes;
  }
  put_number(bytes, kAtChecksum, checksum(bytes));
  return bytes;
}

Decoded decode(std::string_view bytes, CollapseIntent& intent) {
  if (bytes.size() < kAtSegments || (bytes.size() - kAtSegments) % kSegmentBytes != 0 ||
      get_number<std::uint32_t>(bytes, kAtChecksum) != checksum(bytes)) {
    return Decoded::damaged;
  }
  CollapseIntent read;
  read.identity = get_number<std::uint32_t>(bytes, kAtIdentity);
  std::memcpy(read.uuid.data(), bytes.data() + kAtUuid, read.uuid.size());
  read.base = get_number<Position>(bytes, kAtBase);
  read.bytes = get_number<std::uint64_t>(bytes, kAtBytes);
  for (auto at = kAtSegments; at < bytes.size(); at += kSegmentBytes) {
    read.segments.push_back({get_number<Offset>(bytes, at), get_number<Offset>(bytes, at + 8)});
  }
  if (!sane(read)) return Decoded::damaged;
  intent = std::move(read);
  return Decoded::ok;
}

Result<std::optional<CollapseIntent>> plan_collapse(BufferFile& file, const State& state,
                                                    const CollapseLimits& limits) {
  using Plan = std::optional<CollapseIntent>;
  const auto least = std::max(limits.bytes_min, limits.unit_bytes);
  if (limits.unit_bytes == 0 || limits.bytes_min == 0 || state.front - state.base < least) {
    return Plan();
  }
  const auto data = file.next_data(0);
  if (!data) return data.error();
  if (!data->has_value()) return Plan();
  CollapseIntent intent{state.uuid, state.identity, state.base, 0, {}};
  const auto hole_bytes = std::min((*data)->value(), state.front - state.base);
  intent.bytes = hole_bytes - hole_bytes % limits.unit_bytes;
  if (intent.bytes < least) return Plan();
  const auto facts = file.facts();
  if (!facts) return facts.error();
  auto segments = list_segments(file, **data);
  if (!segments) return segments.error();
  // If the file ends in a hole, the next append would begin a segment that is not in the list.
  if (!segments->has_value() || (*segments)->back().end < Offset(facts->size)) return Plan();
  // Room: its producer would go on at the old offset, which may be in the middle of a record.
  char last = 0;
  const auto read = file.read_at(Offset(facts->size - 1), {&last, 1});
  if (!read) return read.error();
  const bool is_done = state.base + facts->size <= state.front;  // the NULs are ours
  if (last == '\0' && !is_done) return Plan();
  intent.segments = std::move(**segments);
  std::uint64_t live = 0;
  for (const auto& segment : intent.segments)
    live += segment.size();
  if (live > intent.bytes) return Plan();
  const auto free = file.free_bytes();
  if (!free) return free.error();
  if (*free < limits.free_bytes_min) return Plan();
  return Plan(std::move(intent));
}

Result<Shifted> roll_forward(BufferFile& file, const CollapseIntent& intent) {
  for (;;) {
    const auto seam = find_seam(file, intent);
    if (!seam) return seam.error();
    if (!seam->at) return seam->shifted;
    const OffsetRange hole{*seam->at, *seam->at + intent.bytes};
    if (const auto cut = file.collapse(hole); !cut) return cut.error();
  }
}

}  // namespace punchline
