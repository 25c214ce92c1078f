#include "buffer/scanner.h"

#include <string_view>

#include "buffer/frame.h"
#include "buffer/frame_scanner.h"
#include "buffer/line_scanner.h"

namespace punchline {
namespace {

/// In a damaged file the first frame need not be the first thing.
constexpr std::size_t kLookedAtBytes = 256 * 1024;

Detected look_at(std::string_view data) {
  const auto text = data.find_first_not_of('\0');
  if (text == std::string_view::npos) return {};
  FrameHead head;
  if (decode_frame_head(data.substr(text), head) == FrameFound::too_short) return {};
  for (auto at = data.find(kFrameMarker); at != std::string_view::npos;
       at = data.find(kFrameMarker, at + 1)) {
    if (decode_frame_head(data.substr(at), head) == FrameFound::head) {
      return {Format::frames, head.salt};
    }
  }
  return {Format::lines, 0};
}

}  // namespace

std::unique_ptr<Scanner> make_scanner(Format format, BufferFile& file, Position base,
                                      ReadRules rules) {
  if (format == Format::frames) {
    return std::make_unique<FrameScanner>(file, base, std::move(rules));
  }
  return std::make_unique<LineScanner>(file, base, std::move(rules));
}

Result<Detected> detect_format(BufferFile& file) {
  std::string memory(kLookedAtBytes, '\0');
  for (std::uint64_t at = 0;;) {
    const auto data = file.next_data(at);
    if (!data) return data.error();
    if (!*data) return Detected{};
    const auto read = file.read_at(**data, memory);
    if (!read) return read.error();
    const auto found = look_at(std::string_view(memory).substr(0, *read));
    if (found.format != Format::none || *read < memory.size()) return found;
    at = **data + *read;
  }
}

}  // namespace punchline
