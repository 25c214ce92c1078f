#include "buffer/lines.h"

#include <algorithm>
#include <cstring>

#include "buffer/nuls.h"

namespace punchline {
namespace {

bool spans(const std::vector<Position>& fences, ByteRange line) {
  const auto fence = std::upper_bound(fences.begin(), fences.end(), line.begin);
  return fence != fences.end() && *fence < line.end;
}

LineShape shape_of(Position at, std::span<const char> line) {
  const auto text = line.first(line.size() - 1);  // without its newline
  LineShape shape;
  shape.range = {at, at + line.size()};
  shape.leading_nuls = leading_nuls(text);
  shape.has_text = shape.leading_nuls < text.size();
  shape.has_nul = !text.empty() && std::memchr(text.data(), 0, text.size()) != nullptr;
  return shape;
}

}  // namespace

// The cases are those of FORMAT.md, "Reading": R1 to R6, in the order they are tried.
Item classify(const ReadRules& rules, const LineShape& shape) {
  const auto set_aside = [&](SetAsideReason reason) {
    return Item{shape.range, Item::Kind::set_aside, reason, 0, 0};
  };
  if (!shape.has_text) return {shape.range, Item::Kind::nothing, SetAsideReason::none, 0, 0};  // R1
  if (spans(rules.fences, shape.range)) return set_aside(SetAsideReason::spans_fence);         // R2
  const bool careful = shape.range.begin < rules.careful_until();
  if (careful && shape.has_nul) return set_aside(SetAsideReason::torn);                       // R3
  if (!careful && shape.leading_nuls >= kGapBytesMin) return set_aside(SetAsideReason::gap);  // R4
  const auto payload_bytes = shape.range.size() - 1;
  if (payload_bytes > rules.record_bytes_max) return set_aside(SetAsideReason::oversize);  // R5
  return {shape.range, Item::Kind::record, SetAsideReason::none, 0,
          static_cast<std::uint32_t>(payload_bytes)};  // R6
}

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
    done += line_bytes;
    // The line nearly all lines are: read exactly, begins with text, fits.
    if (range.begin >= careful_until && *begin != 0 && line_bytes > 1 &&
        line_bytes - 1 <= rules.record_bytes_max) {
      items.push_back({range, Item::Kind::record, SetAsideReason::none, payload,
                       static_cast<std::uint32_t>(line_bytes - 1)});
      continue;
    }
    Item item = classify(rules, shape_of(range.begin, {begin, line_bytes}));
    item.payload = payload;
    if (item.kind == Item::Kind::nothing) {
      append_nothing(range, items, first);
    } else {
      items.push_back(item);
    }
  }
  return done;
}

}  // namespace punchline
