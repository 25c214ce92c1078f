// Format lines: any bytes, NULs, holes, fences, read while the file grows. Each stretch that the
// scanner finds is what FORMAT.md's table R1 to R6 calls it, looked at here in the plainest way.

#include "buffer/lines.h"

#include <algorithm>
#include <utility>

#include "tests/fuzz/input.h"
#include "tests/fuzz/walk.h"
#include "tests/support/memory_file.h"

namespace punchline::fuzz {
namespace {

constexpr std::uint64_t kFileBytesMax = 32 * 1024;

SetAsideReason reason_of(std::string_view payload, ByteRange line, const ReadRules& rules) {
  const auto spans = [&](Position fence) { return line.begin < fence && fence < line.end; };
  if (std::any_of(rules.fences.begin(), rules.fences.end(), spans))
    return SetAsideReason::spans_fence;
  const bool careful = line.begin < rules.careful_until();
  if (careful && payload.find('\0') != payload.npos) return SetAsideReason::torn;
  const auto nuls = payload.find_first_not_of('\0');
  if (!careful && nuls >= kGapBytesMin) return SetAsideReason::gap;
  if (payload.size() > rules.record_bytes_max) return SetAsideReason::oversize;
  return SetAsideReason::none;
}

/// R2: a NUL before the fence that the stretch ends at, and none behind it.
bool ends_at_fence(ByteRange range, std::string_view text, const ReadRules& rules) {
  const bool is_fence =
      std::find(rules.fences.begin(), rules.fences.end(), range.end) != rules.fences.end();
  return is_fence && text[range.end.value() - 1] == '\0' && text[range.end.value()] != '\0';
}

void check(const Stretch& stretch, std::string_view text, const ReadRules& rules) {
  const auto& range = stretch.item.range;
  const auto bytes = text.substr(range.begin.value(), range.size());
  const auto kind = stretch.item.kind;
  if (kind == Item::Kind::room) {
    must(bytes.size() >= kGapBytesMin, "room is at least as long as a gap");
    must(bytes.find_first_not_of('\0') == bytes.npos, "room is NULs");
    must(text[range.end.value()] != '\0', "room is all NULs there are");
    return;
  }
  const bool is_whole = bytes.back() == '\n';
  must(is_whole || ends_at_fence(range, text, rules), "a stretch is whole lines");
  const bool is_nothing = bytes.find_first_not_of(std::string_view("\0\n", 2)) == bytes.npos;
  must(is_nothing == (kind == Item::Kind::nothing), "NULs and newlines are nothing");
  if (is_nothing) return;
  if (!is_whole) {
    must(stretch.item.reason == SetAsideReason::torn, "text before NULs and a fence is torn");
    return;
  }
  const auto payload = bytes.substr(0, bytes.size() - 1);
  must(payload.find('\n') == payload.npos, "a stretch is one line");
  const auto reason = reason_of(payload, range, rules);
  must(stretch.item.reason == reason, "a line is set aside for the reason there is");
  must((stretch.item.kind == Item::Kind::record) == (reason == SetAsideReason::none),
       "it is a record otherwise");
  if (reason == SetAsideReason::none) must(stretch.payload == payload, "the record is the line");
}

class Story {
 public:
  explicit Story(Input& input) : walk_(space_, 0, 64 + std::size_t{input.byte()} * 8) {
    file_.set_knows_holes(input.byte() % 2 == 0);
    space_.rules().record_bytes_max = 1 + input.byte() * 4;
  }

  void act(Input& input) {
    const auto verb = input.byte() % 8;
    switch (verb) {
      case 0:
        return file_.producer_appends("\n");
      case 1:
        return file_.producer_appends(std::string(input.two_bytes() % 10'000, '\0'));
      case 2:
        return file_.truncate(file_.size() + input.two_bytes() % 20'000);
      case 3:
        return file_.producer_appends(std::string(input.two_bytes() % 3000, 'x'));
      case 4:
        return walk_.set_fence();
      case 5:
        return read();
      case 6:
        return walk_.restart(walk_.at());
      default:
        file_.producer_appends(input.text(input.byte()));
    }
  }
  bool is_full() const { return file_.size() > kFileBytesMax; }

  void read() {
    const auto found = walk_.read();
    const auto text = file_.text();
    for (const auto& stretch : found)
      check(stretch, text, space_.rules());
    must(text.find('\n', walk_.at().value()) == text.npos, "no line that ends is left over");
  }

  void end() {
    read();
    walk_.restart(0);
    read();
  }

 private:
  testing::MemoryFile file_;
  Space space_{file_, Format::lines};
  Walk walk_;
};

}  // namespace
}  // namespace punchline::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  punchline::fuzz::Input input(data, size);
  punchline::fuzz::Story story(input);
  return punchline::fuzz::tell(story, input);
}
