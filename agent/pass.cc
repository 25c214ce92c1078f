#include "agent/pass.h"

#include <algorithm>

namespace punchline {

void Pass::restart(Position at) {
  drop();
  scanned_to_ = at;
}

void Pass::set_rules(LineRules rules) {
  drop();
  scanner_.set_rules(std::move(rules));
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
  unfinished_bytes_ = 0;
  chunk_ = pool_.lend(memory_bytes_);
  if (chunk_ == nullptr) return Fill::no_memory;
  chunk_->position = scanned_to_;
  chunk_->owner = owner_;
  const auto step =
      scanner_.step(scanned_to_, until, chunk_->memory(), ChunkPool::kRecordsPerChunkMax, items_);
  if (!step) {
    drop();
    return step.error();
  }
  memory_bytes_ = step->end == ScanStep::End::needs_memory ? scanner_.memory_bytes() : 0;
  scanned_to_ = step->next;
  if (!items_.empty()) {
    index_records();
    return Fill::items;
  }
  drop();
  if (step->end != ScanStep::End::end_of_data) return Fill::moved;
  unfinished_bytes_ = step->unfinished_bytes;
  return Fill::end_of_data;
}

void Pass::index_records() {
  for (const auto& item : items_) {
    if (item.kind != Item::Kind::record) continue;
    const auto begin = static_cast<std::uint32_t>(item.range.begin - chunk_->position);
    const auto end = static_cast<std::uint32_t>(item.range.end - chunk_->position);
    chunk_->records.push_back({chunk_, begin, end, item.payload, item.payload_bytes});
  }
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
