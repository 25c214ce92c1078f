// A quarantine of any entries, given back: whole or torn ones, of this buffer or another, with any
// headers, damaged, and others' bytes between them. Each goes once to the buffer as the record it
// was, or stays as it is; with an interruption in between too.

#include "agent/commands/requeue.h"

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <optional>
#include <utility>

#include "buffer/frame.h"
#include "buffer/lines.h"
#include "buffer/posix_append_file.h"
#include "tests/fuzz/input.h"
#include "tests/fuzz/walk.h"
#include "tests/support/memory_file.h"

namespace punchline::fuzz {
namespace {

namespace fs = std::filesystem;

constexpr std::uint64_t kQuarantineBytesMax = 256 * 1024;
const std::string kUuid = "0e7d7b6c-1b70-4b1c-9a52-6d2f3a1c8e4f";

/// A buffer is a real file to who writes it. It is empty at first.
class Target {
 public:
  explicit Target(Format format) {
    std::string name = fs::is_directory("/dev/shm") ? "/dev/shm/fuzz-XXXXXX" : "/tmp/fuzz-XXXXXX";
    must(mkdtemp(name.data()) != nullptr, "there is a place for a file");
    folder_ = name;
    std::ofstream(path()).close();
    auto opened = open_append_writer(path(), format);
    must(opened.ok(), "an empty file is a buffer");
    writer_ = std::move(*opened);
  }
  ~Target() { fs::remove_all(folder_); }
  Target(const Target&) = delete;
  Target& operator=(const Target&) = delete;

  AppendWriter& writer() { return *writer_; }

  std::vector<std::string> records() {
    std::ifstream file(path(), std::ios::binary);
    const std::string text{std::istreambuf_iterator<char>(file), {}};
    testing::MemoryFile seen(text);
    const auto facts = writer_->file().facts();
    must(facts.ok(), "the file is there");
    seen.set_inode(facts->inode, facts->birth_ns);
    Space space(seen, writer_->format());
    Walk walk(space, 0, 64 * 1024);
    std::vector<std::string> found;
    for (auto& stretch : walk.read()) {
      must(stretch.item.kind != Item::Kind::set_aside, "what is given back can be read");
      if (stretch.item.kind == Item::Kind::record) found.push_back(std::move(stretch.payload));
    }
    return found;
  }

 private:
  std::string path() const { return folder_ + "/fuzz.buf"; }

  std::string folder_;
  std::unique_ptr<AppendWriter> writer_;
};

std::string frame_of(std::string_view payload, std::uint32_t salt,
                     std::vector<FrameRecord::Header> headers = {}) {
  FrameRecord record;
  record.payload = payload;
  record.headers = std::move(headers);
  std::string bytes;
  encode_frame(record, salt, bytes);
  return bytes;
}

QuarantineLabel label_from(Input& input) {
  QuarantineLabel label;
  label.reason = static_cast<SetAsideReason>(1 + input.byte() % (kSetAsideReasons - 1));
  label.format = input.byte() % 2 == 0 ? Format::lines : Format::frames;
  label.buffer = input.byte() % 4 == 0 ? std::string(input.text(3)) : kUuid;
  label.topic = input.text(input.byte() % 8);
  label.position = Position(input.two_bytes());
  label.bytes = input.two_bytes();
  if (input.byte() % 2 == 0) {
    label.refusal = {input.byte(), -static_cast<std::int32_t>(input.byte()),
                     std::string(input.text(input.byte() % 8))};
  }
  return label;
}

std::vector<FrameRecord::Header> views_of(
    const std::vector<std::pair<std::string, std::string>>& headers) {
  std::vector<FrameRecord::Header> views;
  for (const auto& [name, value] : headers)
    views.push_back({name, value});
  return views;
}

class Story {
 public:
  explicit Story(Input& input)
      : target_(input.byte() % 2 == 0 ? Format::lines : Format::frames),
        force_(input.byte() % 2 == 0),
        uuid_(input.byte() % 4 == 0 ? "" : kUuid),
        interrupted_after_(input.byte()) {
    quarantine_.set_inode(17, 1);
    salt_ = frame_salt(quarantine_.inode(), quarantine_.birth_ns());
    // The first one tells the format.
    append_entry({SetAsideReason::oversize, Format::lines, kUuid, "logs", 0, 6}, "first");
  }

  void act(Input& input) {
    const auto verb = input.byte() % 8;
    if (verb < 5) return append_labelled(input);
    if (verb == 5) return append_unlabelled(input);
    if (verb == 6) return append_damaged(input);
    quarantine_.producer_appends(std::string(input.two_bytes() % 10'000, '\0'));
  }
  bool is_full() const { return quarantine_.size() > kQuarantineBytesMax; }

  void end() {
    StartFacts facts;
    facts.boot = 7;
    facts.fresh_uuid.fill(3);
    Checkpoint checkpoint(quarantine_, facts);
    must(checkpoint.start().ok(), "a quarantine can be opened");
    must(checkpoint.format() == Format::frames, "and is in frames");
    int looks = interrupted_after_;
    (void)requeue(checkpoint, [&] { return looks-- <= 0; });
    const auto account = requeue(checkpoint, [] { return false; });
    must(account.ok() != has_stranger_, "only an entry of no quarantine ends it");
    must(target_.records() == back_, "what is given back comes once, in order, as it was");
    for (const auto& [at, bytes] : left_)
      must(quarantine_.text().compare(at, bytes.size(), bytes) == 0, "what is left is as it was");
    if (account.ok()) check(*account);
  }

 private:
  Result<Requeue::Account> requeue(Checkpoint& checkpoint, std::function<bool()> interrupted) {
    return Requeue({checkpoint, {}, target_.writer(), uuid_, std::move(interrupted)},
                   force_)
        .go();
  }

  void check(const Requeue::Account& account) const {
    must(account.foreign == foreign_, "those of others are counted");
    must(account.torn == torn_, "and the torn ones");
    must(account.unfit + account.oversize == misfits_, "and those with no place");
  }

  void append_labelled(Input& input) {
    const auto label = label_from(input);
    const auto headers = headers_of(label);
    must(label_of(views_of(headers)) == label, "a label comes back");
    const auto how = input.byte();
    auto content = std::string(input.text(input.byte()));
    if (how == 255) content.assign(kRecordBytesMaxDefault + 1, 'x');
    append_entry(label, content, how % 2 == 0);
  }

  /// `framed`: the content is a frame, if the label says so too.
  void append_entry(const QuarantineLabel& label, const std::string& payload, bool framed = false) {
    const bool is_frame = framed && label.format == Format::frames;
    const auto content = is_frame ? frame_of(payload, 1) : payload;
    const auto entry = frame_of(content, salt_, views_of(headers_of(label)));
    if (!has_stranger_ && goes_back(label, content, is_frame ? payload : content)) {
      back_.push_back(is_frame ? payload : content);
    } else {
      left_.emplace_back(quarantine_.size(), entry);
    }
    quarantine_.producer_appends(entry);
  }

  bool goes_back(const QuarantineLabel& label, std::string_view content, std::string_view payload) {
    if (!uuid_.empty() && label.buffer != uuid_ && !force_) return ++foreign_, false;
    const bool whole =
        label.reason == SetAsideReason::oversize || label.reason == SetAsideReason::refused;
    if (!whole && !force_) return ++torn_, false;
    if (has_place(label, content, payload)) return true;
    return ++misfits_, false;
  }

  bool has_place(const QuarantineLabel& label, std::string_view content, std::string_view payload) {
    if (payload.size() > kRecordBytesMaxDefault) return false;
    if (target_.writer().format() == Format::frames) return true;
    if (label.format != Format::lines || content.find('\n') != content.npos) return false;
    const auto nuls = content.find_first_not_of('\0');
    return nuls != content.npos && nuls < kGapBytesMin;
  }

  // Headers of any name and value: hardly ever a label.
  void append_unlabelled(Input& input) {
    const std::string name(input.text(input.byte() % 32));
    const std::string value(input.text(input.byte()));
    const std::vector<FrameRecord::Header> headers = {{name, value}, {"", std::nullopt}};
    must(!label_of(headers), "two headers are no label");
    left_.emplace_back(quarantine_.size(), frame_of(value, salt_, headers));
    quarantine_.producer_appends(left_.back().second);
    has_stranger_ = true;
  }

  void append_damaged(Input& input) {
    auto entry = frame_of(input.text(input.byte()), salt_);
    auto& byte = entry[input.two_bytes() % entry.size()];
    byte = static_cast<char>(byte ^ std::max<int>(input.byte(), 1));
    left_.emplace_back(quarantine_.size(), entry);
    quarantine_.producer_appends(entry);
  }

  testing::MemoryFile quarantine_;
  std::uint32_t salt_ = 0;
  Target target_;
  bool force_;
  std::string uuid_;
  int interrupted_after_;
  std::vector<std::string> back_;
  std::vector<std::pair<std::uint64_t, std::string>> left_;
  std::uint64_t foreign_ = 0;
  std::uint64_t torn_ = 0;
  std::uint64_t misfits_ = 0;
  bool has_stranger_ = false;
};

}  // namespace
}  // namespace punchline::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  punchline::fuzz::Input input(data, size);
  punchline::fuzz::Story story(input);
  return punchline::fuzz::tell(story, input);
}
