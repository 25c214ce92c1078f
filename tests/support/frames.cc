#include "tests/support/frames.h"

#include <algorithm>
#include <stdexcept>

#include "buffer/frame_scanner.h"

namespace punchline::testing {
namespace {

FrameSeen seen_in(std::string_view frame) {
  FrameHead head;
  if (decode_frame(frame, head) != FrameFound::frame) throw std::runtime_error("no sound frame");
  FrameSeen seen;
  seen.payload = frame.substr(head.payload(), head.payload_bytes());
  if (head.has_key) seen.key = frame.substr(kFrameHeadBytes, head.key_bytes);
  seen.timestamp_ms = head.timestamp_ms;
  std::vector<FrameRecord::Header> headers;
  decode_frame_headers(frame.substr(head.headers(), head.headers_bytes), headers);
  for (const auto& [name, value] : headers)
    seen.headers.emplace_back(name, value);
  return seen;
}

}  // namespace

std::vector<std::string> FramesSeen::payloads() const {
  std::vector<std::string> all;
  for (const auto& record : records)
    all.push_back(record.payload);
  return all;
}

std::size_t FramesSeen::set_aside() const {
  return static_cast<std::size_t>(std::count_if(items.begin(), items.end(), [](const Item& item) {
    return item.kind == Item::Kind::set_aside;
  }));
}

FramesSeen read_frames(BufferFile& file, const ReadRules& rules) {
  Space space(file, Format::frames, rules);
  FrameScanner scanner(space);
  std::vector<char> memory(std::max<std::size_t>(scanner.memory_bytes(), 64 * 1024));
  FramesSeen seen;
  for (;;) {
    const auto first = seen.items.size();
    const auto step =
        scanner.step(seen.end, kPositionMax, memory, 10'000, seen.items);
    if (!step) throw std::runtime_error(step.error().message());
    for (auto at = first; at < seen.items.size(); ++at) {
      const auto& item = seen.items[at];
      if (item.kind != Item::Kind::record) continue;
      const auto begin = item.range.begin - seen.end;
      seen.records.push_back(seen_in({memory.data() + begin, item.range.size()}));
    }
    seen.end = step->next;
    seen.unfinished_bytes = step->unfinished_bytes;
    if (step->end == ScanStep::End::end_of_data) return seen;
  }
}

std::uint32_t salt_of(BufferFile& file) {
  const auto facts = file.facts();
  if (!facts) throw std::runtime_error(facts.error().message());
  return frame_salt(facts->inode, facts->birth_ns);
}

}  // namespace punchline::testing
