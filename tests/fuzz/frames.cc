// Format frames: frames that are whole, torn, damaged, of other files, too large or freed, NULs,
// holes and junk between them, read while the file grows. Whatever it is: all that is delivered has
// been written at that very place, and every whole frame is delivered.

#include <functional>
#include <map>
#include <utility>

#include "buffer/frame.h"
#include "tests/fuzz/input.h"
#include "tests/fuzz/walk.h"
#include "tests/support/memory_file.h"
#include "tests/support/places.h"

namespace punchline::fuzz {
namespace {

constexpr std::uint64_t kFileBytesMax = 64 * 1024;
constexpr std::uint32_t kRecordBytesMax = 600;
constexpr std::uint32_t kOtherSalt = 0x5a17a5a1;   // of frames that stand where one has to begin
constexpr std::uint32_t kNestedSalt = 0x5a17b5b1;  // of frames that only stand inside of payloads
constexpr std::size_t kJunkBytesMax = kFrameHeadBytes - 4;  // a frame cannot be forged in it

std::string frame_of(std::string_view payload, std::uint32_t salt, unsigned shape = 0) {
  FrameRecord record;
  record.payload = payload;
  if ((shape & 1U) != 0) record.key = payload.substr(0, payload.size() / 2);
  if ((shape & 2U) != 0) record.headers = {{"name", payload.substr(0, 3)}, {"", std::nullopt}};
  if ((shape & 4U) != 0) record.timestamp_ms = 1'764'000'000'123;
  std::string bytes;
  encode_frame(record, salt, bytes);
  return bytes;
}

class Story {
 public:
  // The salt depends on all of the input: it cannot be guessed, so no payload is a frame of ours.
  Story(Input& input, std::size_t hash) : walk_(space_, 0, 64 + std::size_t{input.byte()} * 8) {
    file_.set_inode(hash, 1);
    salt_ = frame_salt(file_.inode(), file_.birth_ns());
    file_.set_knows_holes(input.byte() % 2 == 0);
  }

  void act(Input& input) {
    const auto verb = input.byte() % 14;
    was_junk_ = was_junk_ && verb == 6;
    switch (verb) {
      case 0:
        return append_whole(payload(input), input.byte());
      case 1:
        return append_whole(frame_of(payload(input), kNestedSalt), input.byte());
      case 2:
        return append_torn(input);
      case 3:
        return append_flipped(input);
      case 4:
        return append_zeroed(input);
      case 5:
        return append_oversize(input);
      case 6:
        return append_junk(input);
      case 7:
        return append_foreign(input);
      case 8:
        return file_.producer_appends(std::string(input.two_bytes() % 10'000, '\0'));
      case 9:
        return file_.truncate(file_.size() + input.two_bytes());
      case 10:
        return walk_.set_fence();
      case 11:
        return free_one(input);
      case 12:
        return walk_.restart(walk_.at());
      default:
        check(walk_.read());
    }
  }
  bool is_full() const { return file_.size() > kFileBytesMax; }

  /// From the beginning, as after a restart.
  void end() {
    check(walk_.read());
    walk_.restart(0);
    delivered_.clear();
    check(walk_.read());
    for (const auto& [position, frame] : written_) {
      if (!frame.whole) continue;
      if (frame.oversize) {
        must(oversize_.count(position) > 0, "a whole frame over the limit is set aside as such");
      } else {
        must(delivered_.count(position) > 0, "every whole frame is delivered");
      }
    }
  }

 private:
  struct Frame {
    std::string payload;
    std::uint64_t end = 0;
    bool whole = false;  // false: it need not be found
    bool oversize = false;
  };

  static std::string payload(Input& input) { return std::string(input.text(input.byte())); }

  void append_whole(std::string_view payload, unsigned shape) {
    const auto bytes = frame_of(payload, salt_, shape);
    const bool oversize = bytes.size() - kFrameOverheadBytes > kRecordBytesMax;
    written_[file_.size()] = {std::string(payload), file_.size() + bytes.size(), true, oversize};
    file_.producer_appends(bytes);
  }

  // Junk may happen to be what it lacks: then it is whole after all.
  void append_torn(Input& input) {
    const auto text = payload(input);
    const auto bytes = frame_of(text, salt_, input.byte());
    written_[file_.size()] = {text, file_.size() + bytes.size(), false, false};
    file_.producer_appends(bytes.substr(0, 1 + input.two_bytes() % (bytes.size() - 1)));
  }

  void append_flipped(Input& input) {
    auto bytes = frame_of(payload(input), salt_, input.byte());
    const auto flip = static_cast<char>(std::max<int>(input.byte(), 1));
    auto& byte = bytes[input.two_bytes() % bytes.size()];
    byte = static_cast<char>(byte ^ flip);
    file_.producer_appends(bytes);
  }

  void append_zeroed(Input& input) {
    const auto text = payload(input);
    const auto whole = frame_of(text, salt_, input.byte());
    auto bytes = whole;
    const auto begin = input.two_bytes() % bytes.size();
    const auto count = std::min<std::size_t>(1 + input.two_bytes(), bytes.size() - begin);
    bytes.replace(begin, count, count, '\0');
    if (bytes == whole) written_[file_.size()] = {text, file_.size() + bytes.size(), true, false};
    file_.producer_appends(bytes);
  }

  void append_oversize(Input& input) {
    append_whole(std::string(kRecordBytesMax + 1 + input.two_bytes(), 'y'), 0);
  }

  void append_junk(Input& input) {
    if (was_junk_) return;
    file_.producer_appends(input.text(input.byte() % (kJunkBytesMax + 1)));
    was_junk_ = true;
  }

  void append_foreign(Input& input) {
    const auto text = payload(input);
    const auto bytes = frame_of(text, kOtherSalt);
    written_[file_.size()] = {text, file_.size() + bytes.size(), false, false};
    file_.producer_appends(bytes);
  }

  // As F2 does, above the front.
  void free_one(Input& input) {
    if (delivered_.empty()) return;
    auto chosen = delivered_.lower_bound(input.two_bytes() * 2);
    if (chosen == delivered_.end()) chosen = delivered_.begin();
    must(file_.punch(offsets(chosen->first, chosen->second)).ok(), "the fake punches");
    written_.erase(chosen->first);
    delivered_.erase(chosen);
  }

  void check(const std::vector<Stretch>& found) {
    for (const auto& [item, payload] : found) {
      const auto begin = item.range.begin.value();
      const auto end = item.range.end.value();
      if (item.reason == SetAsideReason::oversize) oversize_[begin] = end;
      if (item.kind != Item::Kind::record) continue;
      const auto written = written_.find(begin);
      must(written != written_.end(), "what is delivered was written there");
      must(written->second.end == end, "from its beginning to its end");
      must(written->second.payload == payload, "byte for byte");
      must(!written->second.oversize, "and is not over the limit");
      must(delivered_.emplace(begin, end).second, "once");
    }
  }

  testing::MemoryFile file_;
  Space space_{file_, Format::frames, {kRecordBytesMax, {}}};
  Walk walk_;
  std::uint32_t salt_ = 0;
  bool was_junk_ = false;
  std::map<std::uint64_t, Frame> written_;
  std::map<std::uint64_t, std::uint64_t> delivered_;  // ends
  std::map<std::uint64_t, std::uint64_t> oversize_;
};

}  // namespace
}  // namespace punchline::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view all(reinterpret_cast<const char*>(data), size);
  punchline::fuzz::Input input(data, size);
  punchline::fuzz::Story story(input, std::hash<std::string_view>()(all));
  return punchline::fuzz::tell(story, input);
}
