#include "agent/view/buffer_view.h"

#include <algorithm>

#include "buffer/append_writer.h"
#include "buffer/cluster_note.h"
#include "buffer/frame.h"
#include "buffer/kept_bytes.h"
#include "buffer/scanner.h"
#include "buffer/stored_state.h"
#include "buffer/strays.h"

namespace punchline {
namespace {

using Mark = Picture::Mark;

/// Passes questions on and swallows every change. So a start can be asked what it would do.
class Spectator final : public BufferFile {
 public:
  explicit Spectator(BufferFile& file) : file_(file) {}

  const std::string& path() const override { return file_.path(); }
  Result<std::size_t> read_at(Offset at, std::span<char> into) override {
    return file_.read_at(at, into);
  }
  Result<FileFacts> facts() override { return file_.facts(); }
  Result<std::optional<Offset>> next_data(Offset at) override { return file_.next_data(at); }
  Result<Offset> next_hole(Offset at) override { return file_.next_hole(at); }
  Result<std::optional<std::string>> attribute(std::string_view name) override {
    return file_.attribute(name);
  }
  Status punch(OffsetRange) override { return {}; }
  Status collapse(OffsetRange) override {
    return Error(ErrorKind::refused, 0,
                 path() +
                     ": a crash has cut off a collapse in the middle; a start of the agent "
                     "carries it to its end");
  }
  Result<std::uint64_t> free_bytes() override { return file_.free_bytes(); }
  Status append(std::span<const char>) override { return {}; }
  Status set_attribute(std::string_view, std::string_view) override { return {}; }
  Status remove_attribute(std::string_view) override { return {}; }
  Status sync_data() override { return {}; }
  Status sync_all() override { return {}; }
  // The answer that somebody writes keeps an unfinished tail from being closed, which we could not
  // do.
  Result<bool> nobody_writes() override { return false; }

 private:
  BufferFile& file_;
};

/// One look at a buffer, from its state to its end.
class Look {
 public:
  Look(BufferFile& file, const StartFacts& facts, const ViewProgress& progress)
      : file_(file), start_(file_, facts), progress_(progress) {}

  Result<BufferView> take();

 private:
  Status take_state();
  Status take_holes();
  Status take_strays();
  void take_stray(ByteRange range);
  Status take_records();
  Result<bool> take_step(Scanner& scanner, std::vector<char>& memory);
  void take_item(const Item& item);
  void take_entry(Position at, std::string_view frame);
  void take_hole(ByteRange positions);

  Spectator file_;
  Checkpoint start_;
  const ViewProgress& progress_;
  BufferView view_;
  Position end_ = 0;
  Position at_ = 0;  // of the scan
};

Result<BufferView> Look::take() {
  if (auto state = take_state(); !state) return state.error();
  if (auto holes = take_holes(); !holes) return holes.error();
  if (auto strays = take_strays(); !strays) return strays.error();
  if (auto records = take_records(); !records) return records.error();
  return std::move(view_);
}

Status Look::take_state() {
  const auto stored = read_stored_state(file_);
  if (!stored) return stored.error();
  const auto facts = file_.facts();
  if (!facts) return facts.error();
  auto started = start_.start();
  if (!started) return started.error();
  view_.has_state = stored->exists && stored->decoded == Decoded::ok;
  view_.state = start_.state();
  if (view_.has_state) view_.state.uuid = stored->state.uuid;
  view_.origin = started->origin;
  view_.warnings = std::move(started->warnings);
  view_.cluster = noted_cluster(file_);
  if (const auto lost = noted_losses(file_)) view_.lost = *lost;
  view_.fences = start_.fences();
  view_.fences_sound = stored->fences_sound;
  view_.logical_bytes = facts->size;
  view_.allocated_bytes = facts->allocated_bytes;
  end_ = start_.base() + facts->size;
  view_.picture = Picture({start_.base(), end_});
  return {};
}

Status Look::take_holes() {
  auto& space = start_.space();
  for (auto at = space.base(); at < end_;) {
    const auto data = space.next_data(at);
    if (!data) return data.error();
    const auto data_begin = std::min(end_, data->value_or(end_));
    if (data_begin > at) take_hole({at, data_begin});
    if (data_begin == end_) break;
    const auto hole = space.next_hole(data_begin);
    if (!hole) return hole.error();
    at = std::min(end_, *hole);
    view_.data_bytes += at - data_begin;
    view_.picture.add(intersection({data_begin, at}, {space.base(), start_.front()}), Mark::done);
  }
  return {};
}

void Look::take_hole(ByteRange positions) {
  ++view_.hole_count;
  view_.hole_bytes += positions.size();
  if (view_.holes.size() < BufferView::kListedMax) view_.holes.push_back(positions);
  view_.picture.add(intersection(positions, {start_.base(), start_.front()}), Mark::freed);
  view_.picture.add(intersection(positions, {start_.front(), end_}), Mark::freed_above);
}

// Looks only as far as an agent has noted that all is clean.
Status Look::take_strays() {
  const auto& freed = start_.freed();
  if (!freed) return {};
  const IntervalSet none;
  StraySearch search(start_.space());
  for (auto at = start_.base(); at < freed->to;) {
    std::vector<Stray> found;
    const auto to = search.find({{at, freed->to}, none, none}, UINT64_MAX, found);
    if (!to) return to.error();
    for (const auto& stray : found)
      take_stray(stray.range);
    at = *to;
  }
  if (freed->kept_checksum == 0 || freed->to < start_.base()) return {};
  KeptBytes kept;
  kept.expect({freed->to, start_.front()}, freed->kept_checksum);
  const auto overwritten = kept.overwritten(start_.space());
  if (!overwritten) return overwritten.error();
  for (const auto& range : *overwritten)
    take_stray(range);
  return {};
}

void Look::take_stray(ByteRange range) {
  ++view_.strays;
  view_.stray_bytes += range.size();
  view_.picture.add(range, Mark::set_aside);
}

Status Look::take_records() {
  constexpr std::uint64_t kMax = 64 * 1024 * 1024;  // of the option record_bytes_max
  start_.space().rules().record_bytes_max =
      static_cast<std::uint32_t>(std::min(kMax, writer_limits_of(file_).record_bytes_max));
  const auto scanner = make_scanner(start_.space());
  std::vector<char> memory(scanner->memory_bytes());
  for (at_ = start_.front(); at_ < end_;) {
    const auto more = take_step(*scanner, memory);
    if (!more) return more.error();
    if (!*more) break;
    if (progress_) progress_(at_, end_);
  }
  return {};
}

/// False at the end.
Result<bool> Look::take_step(Scanner& scanner, std::vector<char>& memory) {
  constexpr std::size_t kItemsMax = 65'536;
  std::vector<Item> items;
  const auto step = scanner.step(at_, end_, memory, kItemsMax, items);
  if (!step) return step.error();
  const bool is_quarantine = quarantined_buffer_path(file_.path()).has_value();
  for (const auto& item : items) {
    take_item(item);
    if (!is_quarantine || item.kind != Item::Kind::record) continue;
    take_entry(item.range.begin, {memory.data() + (item.range.begin - at_), item.range.size()});
  }
  at_ = step->next;
  if (step->end != ScanStep::End::end_of_data) return true;
  view_.unfinished_bytes = step->unfinished_bytes;
  view_.room_bytes = step->room_bytes;
  view_.picture.add({at_, at_ + step->unfinished_bytes}, Mark::unfinished);
  return false;
}

void Look::take_entry(Position at, std::string_view frame) {
  if (view_.entries.size() == BufferView::kListedMax) return;
  FrameHead head;
  std::vector<FrameRecord::Header> headers;
  decode_frame_head(frame, head);
  decode_frame_headers(frame.substr(head.headers(), head.headers_bytes), headers);
  if (auto label = label_of(headers)) {
    view_.entries.push_back({at, head.timestamp_ms, std::move(*label)});
  }
}

void Look::take_item(const Item& item) {
  switch (item.kind) {
    case Item::Kind::record:
      ++view_.waiting_records;
      view_.waiting_bytes += item.range.size();
      view_.picture.add(item.range, Mark::waiting);
      return;
    case Item::Kind::set_aside:
      ++view_.set_aside_records;
      view_.set_aside_bytes += item.range.size();
      ++view_.set_aside_by_reason[static_cast<std::size_t>(item.reason)];
      if (view_.set_aside.size() < BufferView::kListedMax) {
        view_.set_aside.push_back({item.range, item.reason});
      }
      view_.picture.add(item.range, Mark::set_aside);
      return;
    case Item::Kind::nothing:
    case Item::Kind::room:
      view_.nothing_bytes += item.range.size();
      // The blank lines that writers begin with are not worth a sign.
      constexpr std::uint64_t kShownMin = 64;
      if (item.range.size() >= kShownMin) view_.picture.add(item.range, Mark::done_above);
      return;
  }
}

}  // namespace

Result<BufferView> view_buffer(BufferFile& file, const StartFacts& facts,
                               const ViewProgress& progress) {
  constexpr int kLooksMax = 5;
  for (int look = 1;; ++look) {
    const auto before = read_stored_state(file);
    if (!before) return before.error();
    auto view = Look(file, facts, progress).take();
    if (!view) return view;
    const auto after = read_stored_state(file);
    if (!after) return after.error();
    if (before->raw == after->raw) return view;
    if (look == kLooksMax) {
      view->in_motion = true;
      return view;
    }
  }
}

}  // namespace punchline
