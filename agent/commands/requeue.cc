#include "agent/commands/requeue.h"

#include "buffer/frame_scanner.h"

namespace punchline {
namespace {

constexpr std::size_t kItemsMax = 1024;

}  // namespace

Requeue::Requeue(Parts parts, bool force)
    : parts_(std::move(parts)),
      force_(force),
      ledger_(parts_.checkpoint.front()),
      freer_(parts_.checkpoint, ledger_, parts_.limits) {
  parts_.checkpoint.space().rules().record_bytes_max = kQuarantineRecordBytesMax;
}

Result<Requeue::Account> Requeue::go() {
  FrameScanner scanner(parts_.checkpoint.space());
  std::vector<char> memory(256 * 1024);
  std::vector<Item> items;
  for (auto at = parts_.checkpoint.front(); !is_interrupted();) {
    items.clear();
    const auto step = scanner.step(at, UINT64_MAX, memory, kItemsMax, items);
    if (!step) return give_up(step.error());
    const auto taken = take_all(items, {memory.data(), memory.size()}, at);
    if (!taken) return give_up(taken.error());
    at = step->next;
    if (const auto settled = settle(); !settled) return settled.error();
    if (step->end == ScanStep::End::needs_memory) memory.resize(scanner.memory_bytes());
    account_.unfinished_bytes = step->unfinished_bytes;
    if (step->end == ScanStep::End::end_of_data) break;
  }
  for (const auto& trouble : freer_.finish(TimePoint{}))
    return Error(trouble.is_no_space ? ErrorKind::no_space : ErrorKind::io, 0, trouble.text);
  return account_;
}

// Entries that have been given back by then are freed all the same. Otherwise they would come again
// with each try.
Error Requeue::give_up(Error why) {
  if (settle()) freer_.finish(TimePoint{});
  return why;
}

Status Requeue::take_all(const std::vector<Item>& items, std::string_view bytes, Position at) {
  for (const auto& item : items) {
    if (is_interrupted()) break;
    const bool is_record = item.kind == Item::Kind::record;
    const auto frame = is_record ? bytes.substr(item.range.begin - at, item.range.size()) : "";
    if (const auto taken = take(item, frame); !taken) return taken;
  }
  return {};
}

Status Requeue::take(const Item& item, std::string_view frame) {
  if (item.kind == Item::Kind::nothing || item.kind == Item::Kind::room) {
    freer_.done(item.range, TimePoint{});
    return {};
  }
  if (item.kind == Item::Kind::set_aside) {
    ++account_.damaged;
    return {};
  }
  FrameHead head;
  decode_frame_head(frame, head);
  std::vector<FrameRecord::Header> headers;
  decode_frame_headers(frame.substr(head.headers(), head.headers_bytes), headers);
  const auto label = label_of(headers);
  if (!label) {
    return Error(ErrorKind::refused, 0,
                 parts_.checkpoint.space().path() + ": the entry at position " +
                     to_string(item.range.begin) + " is none of a quarantine");
  }
  const bool known = !parts_.buffer_uuid.empty() && label->buffer != parts_.buffer_uuid;
  if (known && !force_) {
    if (account_.foreign++ == 0) account_.foreign_uuid = label->buffer;
    return {};
  }
  return take_entry(*label, frame.substr(head.payload(), head.payload_bytes()), item.range);
}

Status Requeue::take_entry(const QuarantineLabel& label, std::string_view content,
                           ByteRange range) {
  if (!is_whole(label) && !force_) {
    ++account_.torn;
    return {};
  }
  const auto added = parts_.buffer.format() == Format::lines ? add_line(label, content)
                                                             : add_frame(label, content);
  if (!added) return added.error();
  if (!*added) return {};
  // Each entry is flushed by itself, so on a full disk it is known which of them are there.
  if (const auto flushed = parts_.buffer.flush(); !flushed) return flushed;
  written_.push_back(range);
  return {};
}

Result<bool> Requeue::add_line(const QuarantineLabel& label, std::string_view content) {
  if (label.format != Format::lines) return ++account_.unfit, false;
  switch (fit_of(content, parts_.buffer.record_bytes_max())) {
    case RecordFit::fits:
    case RecordFit::fits_with_nul:
      break;
    case RecordFit::too_long:
      return ++account_.oversize, false;
    case RecordFit::nothing:
    case RecordFit::like_a_gap:
    case RecordFit::has_newline:
      return ++account_.unfit, false;
  }
  const auto added = parts_.buffer.add(content);
  if (!added) return added.error();
  return true;
}

/// A frame that was whole keeps its key, headers and time; other bytes become a payload.
Result<bool> Requeue::add_frame(const QuarantineLabel& label, std::string_view content) {
  FrameRecord record;
  record.payload = content;
  FrameHead head;
  if (label.format == Format::frames && decode_frame(content, head) == FrameFound::frame) {
    record.payload = content.substr(head.payload(), head.payload_bytes());
    if (head.has_key) record.key = content.substr(kFrameHeadBytes, head.key_bytes);
    decode_frame_headers(content.substr(head.headers(), head.headers_bytes), record.headers);
    record.timestamp_ms = head.timestamp_ms;
  }
  if (record_bytes_of(record) > parts_.buffer.record_bytes_max()) {
    return ++account_.oversize, false;
  }
  const auto added = parts_.buffer.add(record);
  if (!added) return added.error();
  return true;
}

// Perhaps nobody reads what was written to a buffer that was deleted meanwhile.
Status Requeue::still_there() const {
  auto& file = parts_.buffer.file();
  const auto facts = file.facts();
  if (!facts) return facts.error();
  if (facts->has_name) return {};
  return Error(ErrorKind::io, 0, file.path() + ": has been deleted; what was given back to it since "
                                               "it was last synced stays in the quarantine");
}

// Q4: an entry is freed in the quarantine only once it is durable in the buffer, and the buffer
// still has a name.
Status Requeue::settle() {
  if (written_.empty()) return {};
  if (const auto synced = parts_.buffer.sync(); !synced) return synced;
  if (const auto there = still_there(); !there) return there;
  for (const auto& range : written_)
    freer_.done(range, TimePoint{});
  account_.back += written_.size();
  written_.clear();
  return {};
}

}  // namespace punchline
