#include "buffer/scanner.h"

#include <algorithm>
#include <optional>
#include <string_view>

#include "buffer/frame.h"
#include "buffer/frame_scanner.h"
#include "buffer/line_scanner.h"
#include "buffer/nuls.h"

namespace punchline {
namespace {

constexpr std::size_t kPieceBytes = 256 * 1024;
/// More than the largest record has, so that one that is whole begins within it, if there is any.
constexpr std::uint64_t kLookedAtBytesMax = 128 << 20;

/// Looks for what decides for lines (buffer/FORMAT.md, "Start"). Is handed the file piece by piece.
class LinesSought {
 public:
  explicit LinesSought(Offset careful_end) : careful_end_(careful_end) {}

  bool found() const { return found_; }
  bool has_text() const { return has_text_; }
  /// No text, but newlines: what is left of lines that are done.
  bool only_nothing() const { return !has_text_ && newlines_; }

  void take_hole(Offset end) {
    if (end > at_) has_nul_ = true;
    at_ = end;
  }
  /// `ahead` begins with `bytes` and goes on as far as the file has been read.
  void take(std::string_view bytes, std::string_view ahead) {
    for (std::size_t done = 0; done < bytes.size() && !found_;) {
      const auto end = std::min(bytes.find('\n', done), bytes.size());
      take_text(bytes.substr(done, end - done), ahead.substr(done));
      at_ += end - done;
      done = end;
      if (end == bytes.size()) return;
      take_newline();
      ++done;
    }
  }

 private:
  void take_text(std::string_view part, std::string_view ahead) {
    const auto text = leading_nuls(part);
    // A marker counts as a NUL: a newline can be in the checksums of a head whose rest is torn.
    has_nul_ = has_nul_ || part.find('\0') != std::string_view::npos ||
               part.find(kFrameMarker) != std::string_view::npos;
    if (text == part.size()) return;
    const bool first = !line_has_text_;
    has_text_ = line_has_text_ = true;
    if (!first) return;
    // Text is trusted where no crash was, and at the very beginning, where frames have NULs or a
    // marker.
    const bool trusted = begin_ >= careful_end_ || (begin_ == 0 && !has_nul_);
    found_ = trusted && !may_begin_frame(ahead.substr(text));
  }

  bool may_begin_frame(std::string_view bytes) const {
    FrameHead head;
    if (decode_frame_head(bytes, head) == FrameFound::too_short) return true;
    return begin_ < careful_end_ && bytes.starts_with(kFrameMarker);
  }

  void take_newline() {
    at_ += 1;
    const bool spans_fence = begin_ < careful_end_ && careful_end_ < at_;
    found_ = found_ || (line_has_text_ && !has_nul_ && !spans_fence);
    newlines_ = true;
    begin_ = at_;
    line_has_text_ = has_nul_ = false;
  }

  Offset careful_end_;
  Offset at_ = 0;
  Offset begin_ = 0;  // of the line
  bool line_has_text_ = false;
  bool has_nul_ = false;
  bool has_text_ = false;
  bool newlines_ = false;
  bool found_ = false;
};

std::optional<std::uint32_t> salt_of_head_in(std::string_view data) {
  FrameHead head;
  for (auto at = data.find(kFrameMarker); at != std::string_view::npos;
       at = data.find(kFrameMarker, at + 1)) {
    if (decode_frame_head(data.substr(at), head) == FrameFound::head) return head.salt;
  }
  return std::nullopt;
}

}  // namespace

std::unique_ptr<Scanner> make_scanner(Space& space) {
  if (space.format() == Format::frames) return std::make_unique<FrameScanner>(space);
  return std::make_unique<LineScanner>(space);
}

/// Each piece overlaps the one before, so that no head is cut in two.
Result<Detected> detect_format(BufferFile& file, Offset careful_end) {
  std::string memory(kPieceBytes, '\0');
  LinesSought lines(careful_end);
  std::uint64_t looked_at = 0;
  for (Offset at = 0;;) {
    const auto data = file.next_data(at);
    if (!data) return data.error();
    if (!*data) break;
    lines.take_hole(**data);
    const auto read = file.read_at(**data, memory);
    if (!read) return read.error();
    const auto bytes = std::string_view(memory).substr(0, *read);
    if (const auto salt = salt_of_head_in(bytes)) return Detected{Format::frames, *salt, true};
    const bool last = *read < memory.size();
    const auto taken = last ? *read : *read - kFrameHeadBytes + 1;  // a head may begin there
    lines.take(bytes.substr(0, taken), bytes);
    if (lines.has_text()) looked_at += taken;
    if (lines.found() || looked_at > kLookedAtBytesMax) return Detected{Format::lines, 0, true};
    if (last) break;
    at = **data + taken;
  }
  return Detected{lines.only_nothing() ? Format::lines : Format::none, 0, lines.has_text()};
}

}  // namespace punchline
