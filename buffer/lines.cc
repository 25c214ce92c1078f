#include "buffer/lines.h"

#include <algorithm>
#include <cstring>
#include <optional>

#include "buffer/base/rarely.h"
#include "buffer/nuls.h"

namespace punchline {
namespace {

LineShape shape_of(Position at, std::span<const char> line) {
  const auto text = line.first(line.size() - 1);  // without its newline
  LineShape shape;
  shape.range = {at, at + line.size()};
  shape.leading_nuls = leading_nuls(text);
  shape.has_text = shape.leading_nuls < text.size();
  shape.has_nul = !text.empty() && std::memchr(text.data(), 0, text.size()) != nullptr;
  return shape;
}

/// The newline after room is an empty line of its own.
Item nothing_in(ByteRange range, std::uint64_t nuls) {
  const bool is_room = nuls >= kGapBytesMin;
  if (is_room) range.end = range.begin + nuls;
  return {range, is_room ? Item::Kind::room : Item::Kind::nothing, SetAsideReason::none, 0, 0};
}

/// The exception in R2: the part before the fence of a line that is read as two. Empty for any
/// other line.
std::optional<Item> part_at_fence(const ReadRules& rules, std::span<const char> line,
                                  const LineShape& shape) {
  if (!shape.has_text) return std::nullopt;
  for (const auto fence : fences_in(rules, shape.range)) {
    const auto at = static_cast<std::size_t>(fence - shape.range.begin);
    if (parts_at_fence(line.subspan(at - 1).first<2>())) return classify_before(fence, shape);
  }
  return std::nullopt;
}

}  // namespace

std::span<const Position> fences_in(const ReadRules& rules, ByteRange line) {
  const auto begin = std::upper_bound(rules.fences.begin(), rules.fences.end(), line.begin);
  const auto end = std::lower_bound(begin, rules.fences.end(), line.end);
  return {begin, end};
}

Item classify_before(Position fence, const LineShape& shape) {
  RARELY(true, "R2: a line is read as two at a fence");
  const ByteRange range{shape.range.begin, fence};
  if (shape.leading_nuls < range.size()) {
    return {range, Item::Kind::set_aside, SetAsideReason::torn, 0, 0};
  }
  return nothing_in(range, range.size());
}

// The cases are those of FORMAT.md, "Reading": R1 to R6, in the order they are tried.
Item classify(const ReadRules& rules, const LineShape& shape) {
  const auto set_aside = [&](SetAsideReason reason) {
    return Item{shape.range, Item::Kind::set_aside, reason, 0, 0};
  };
  if (!shape.has_text) return nothing_in(shape.range, shape.leading_nuls);  // R1
  const bool spans_fence = !fences_in(rules, shape.range).empty();
  RARELY(spans_fence, "R2: a line spans a fence");
  if (spans_fence) return set_aside(SetAsideReason::spans_fence);  // R2
  const bool careful = shape.range.begin < rules.careful_until();
  const auto text = shape.range.begin + shape.leading_nuls;
  if (careful && shape.leading_nuls > 0 && rules.is_remnant(text, shape.range.end)) {
    RARELY(true, "R3: the rest of a line that was confirmed before");
    return {shape.range, Item::Kind::nothing, SetAsideReason::none, 0, 0};  // R3, freed before
  }
  RARELY(careful && shape.has_nul, "R3: a torn line");
  if (careful && shape.has_nul) return set_aside(SetAsideReason::torn);  // R3
  RARELY(!careful && shape.leading_nuls >= kGapBytesMin, "R4: a line after a gap");
  if (!careful && shape.leading_nuls >= kGapBytesMin) return set_aside(SetAsideReason::gap);  // R4
  const auto payload_bytes = shape.range.size() - 1;
  RARELY(payload_bytes > rules.record_bytes_max, "R5: a line that is too long");
  if (payload_bytes > rules.record_bytes_max) return set_aside(SetAsideReason::oversize);  // R5
  return {shape.range, Item::Kind::record, SetAsideReason::none, 0,
          static_cast<std::uint32_t>(payload_bytes)};  // R6
}

namespace {

Item classify_line(const ReadRules& rules, Position at, std::span<const char> line) {
  const auto shape = shape_of(at, line);
  const auto part = part_at_fence(rules, line, shape);
  return part ? *part : classify(rules, shape);
}

}  // namespace

std::size_t decode_lines(const ReadRules& rules, Position at, std::span<const char> bytes,
                         Position until, std::size_t items_max, std::vector<Item>& items) {
  const auto first = items.size();
  const auto careful_until = rules.careful_until();
  std::size_t done = 0;
  while (done < bytes.size() && at + done < until && items.size() - first < items_max) {
    const char* begin = bytes.data() + done;
    const auto* newline = static_cast<const char*>(std::memchr(begin, '\n', bytes.size() - done));
    if (newline == nullptr) break;
    const auto line_bytes = static_cast<std::size_t>(newline - begin) + 1;
    const ByteRange range{at + done, at + done + line_bytes};
    const auto payload = static_cast<std::uint32_t>(done);
    // The usual case: a line that is read exactly, begins with text, and fits.
    if (range.begin >= careful_until && *begin != 0 && line_bytes > 1 &&
        line_bytes - 1 <= rules.record_bytes_max) {
      done += line_bytes;
      items.push_back({range, Item::Kind::record, SetAsideReason::none, payload,
                       static_cast<std::uint32_t>(line_bytes - 1)});
      continue;
    }
    Item item = classify_line(rules, range.begin, {begin, line_bytes});
    item.payload = payload;
    done += item.range.size();
    if (item.kind == Item::Kind::nothing) {
      append_nothing(item.range, items, first);
    } else {
      items.push_back(item);
    }
  }
  return done;
}

}  // namespace punchline
