#include "agent/core/pass.h"

#include <algorithm>
#include <string_view>

namespace punchline {

// The format may become known only after the first looks.
Scanner& Pass::scanner() {
  if (scanner_ == nullptr || scanned_as_ != space_.format()) {
    scanned_as_ = space_.format();
    scanner_ = make_scanner(space_);
  }
  return *scanner_;
}

void Pass::restart(Position at) {
  drop();
  scanned_to_ = at;
}

void Pass::forget() {
  drop();
  scanner().forget();
}

Position Pass::at() const {
  return next_item_ < items_.size() ? items_[next_item_].range.begin : scanned_to_;
}

void Pass::drop() {
  scanned_to_ = at();
  items_.clear();
  next_item_ = next_record_ = 0;
  if (chunk_ != nullptr) chunk_->release(1);
  chunk_ = nullptr;
}

Result<Pass::Fill> Pass::fill(Position until) {
  if (next_item_ < items_.size()) {
    if (item().range.begin < until) return Fill::items;
    return Fill::end_of_data;
  }
  drop();
  unfinished_bytes_ = room_bytes_ = 0;
  chunk_ = pool_.lend(memory_bytes_, owner_);
  if (chunk_ == nullptr) return Fill::no_memory;
  chunk_->position = scanned_to_;
  const auto step =
      scanner().step(scanned_to_, until, chunk_->memory(), ChunkPool::kRecordsPerChunkMax, items_);
  if (!step) {
    drop();
    return step.error();
  }
  memory_bytes_ = step->end == ScanStep::End::needs_memory ? scanner().memory_bytes() : 0;
  scanned_to_ = step->next;
  if (!items_.empty()) {
    index_records();
    return Fill::items;
  }
  drop();
  if (step->end != ScanStep::End::end_of_data) return Fill::moved;
  unfinished_bytes_ = step->unfinished_bytes;
  room_bytes_ = step->room_bytes;
  return Fill::end_of_data;
}

void Pass::index_records() {
  for (const auto& item : items_) {
    if (item.kind != Item::Kind::record) continue;
    const auto begin = static_cast<std::uint32_t>(item.range.begin - chunk_->position);
    const auto end = static_cast<std::uint32_t>(item.range.end - chunk_->position);
    chunk_->records.push_back({chunk_, begin, end, item.payload, item.payload_bytes});
    if (scanned_as_ == Format::frames) index_extra(item);
  }
  if (envelope_ != nullptr) envelope_->put_on(*chunk_);
}

void Pass::index_extra(const Item& item) {
  const auto begin = static_cast<std::uint32_t>(item.range.begin - chunk_->position);
  const std::string_view frame(chunk_->data() + begin, item.range.size());
  FrameHead head;
  decode_frame_head(frame, head);
  RecordExtra extra;
  extra.timestamp_ms = head.timestamp_ms;
  if (head.has_key) extra.key = frame.substr(kFrameHeadBytes, head.key_bytes);
  extra.headers = static_cast<std::uint32_t>(chunk_->headers.size());
  extra.headers_bytes = head.headers_bytes;
  if (head.headers_bytes > 0) {
    decode_frame_headers(frame.substr(head.headers(), head.headers_bytes), headers_);
    for (const auto& header : headers_)
      add_header(header);
    extra.header_count = static_cast<std::uint32_t>(headers_.size());
  }
  chunk_->extras.push_back(extra);
}

void Pass::add_header(const FrameRecord::Header& header) {
  const auto at = [this](std::string_view bytes) {
    return static_cast<std::uint32_t>(bytes.data() - chunk_->data());
  };
  const auto value = header.value.value_or("");
  chunk_->headers.push_back({at(header.name), static_cast<std::uint32_t>(header.name.size()),
                             header.value ? at(value) : 0, static_cast<std::uint32_t>(value.size()),
                             header.value.has_value()});
}

std::span<const Record> Pass::run(Position until, std::size_t records_max) const {
  std::size_t records = 0;
  for (auto at = next_item_; at < items_.size() && records < records_max; ++at, ++records) {
    if (items_[at].kind != Item::Kind::record || items_[at].range.begin >= until) break;
  }
  return std::span<const Record>(chunk_->records).subspan(next_record_, records);
}

void Pass::skip() {
  if (item().kind == Item::Kind::record) ++next_record_;
  ++next_item_;
}

void Pass::take(std::size_t records) {
  taken_ = records;
  if (records > 0) taken_to_ = items_[next_item_ + records - 1].range.end;
  next_item_ += records;
  next_record_ += records;
}

}  // namespace punchline
