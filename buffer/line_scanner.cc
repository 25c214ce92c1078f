#include "buffer/line_scanner.h"

#include <cassert>
#include <cstring>

#include "buffer/nuls.h"

namespace punchline {
namespace {

constexpr int kPiecesPerStepMax = 64;

}  // namespace

void LineScanner::set_rules(ReadRules rules) {
  rules_ = std::move(rules);
  long_.reset();
}

void LineScanner::LongLine::take(std::span<const char> piece) {
  if (piece.empty()) return;
  if (!shape.has_text) {
    const auto run = leading_nuls(piece);
    shape.leading_nuls += run;
    shape.has_text = run < piece.size();
  }
  shape.has_nul = shape.has_nul || std::memchr(piece.data(), 0, piece.size()) != nullptr;
  shape.range.end += piece.size();
  ends_in_nul = piece.back() == 0;
}

void LineScanner::LongLine::take_hole(Position end) {
  if (!shape.has_text) shape.leading_nuls += end - shape.range.end;
  shape.has_nul = true;
  shape.range.end = end;
}

ScanStep LineScanner::unfinished(Position from, Position read_until) const {
  return {from, ScanStep::End::end_of_data, read_until - from};
}

Result<ScanStep> LineScanner::step(Position from, Position until, std::span<char> memory,
                                   std::size_t items_max, std::vector<Item>& items) {
  if (from >= until) return unfinished(from, from);
  if (long_ && long_->shape.range.begin == from) {
    return continue_long(until, memory, items_max, items);
  }
  long_.reset();
  assert(from >= base_);
  const auto read = file_.read_at(from - base_, memory);
  if (!read) return read.error();
  const auto bytes = memory.first(*read);
  const auto covered = decode_lines(rules_, from, bytes, until, items_max, items);
  if (covered > 0) return ScanStep{from + covered, ScanStep::End::more, 0};
  if (bytes.size() < memory.size()) return unfinished(from, from + bytes.size());
  long_.emplace(from);
  long_->take(bytes);
  return continue_long(until, memory, items_max, items);
}

Result<ScanStep> LineScanner::continue_long(Position until, std::span<char> memory,
                                            std::size_t items_max, std::vector<Item>& items) {
  const auto& range = long_->shape.range;
  const auto from = range.begin;
  const auto known_until = range.end;
  for (int piece = 0; piece < kPiecesPerStepMax; ++piece) {
    const auto ended = take_piece(memory);
    if (!ended) return ended.error();
    if (!ended->has_value()) {
      const auto step = unfinished(from, range.end);
      // A writer may take a failed record back by rewriting it in place (AppendWriter), so what
      // could be such a record is looked at anew when nothing follows it.
      if (range.end == known_until && range.size() <= memory_bytes()) long_.reset();
      return step;
    }
    if (!**ended) continue;
    const Item item = classify(rules_, long_->shape);
    const auto line = range;
    long_.reset();
    if (item.kind != Item::Kind::record) {
      items.push_back(item);
      return ScanStep{line.end, ScanStep::End::more, 0};
    }
    if (line.size() > memory.size()) return ScanStep{from, ScanStep::End::needs_memory, 0};
    return step(from, until, memory, items_max, items);
  }
  return ScanStep{from, ScanStep::End::more, 0};
}

Result<std::optional<bool>> LineScanner::take_piece(std::span<char> memory) {
  if (long_->ends_in_nul) {
    const auto more = skip_hole();
    if (!more) return more.error();
    if (!*more) return std::optional<bool>{};
  }
  const auto read = file_.read_at(long_->shape.range.end - base_, memory);
  if (!read) return read.error();
  if (*read == 0) return std::optional<bool>{};
  const auto* newline = static_cast<const char*>(std::memchr(memory.data(), '\n', *read));
  if (newline == nullptr) {
    long_->take(memory.first(*read));
    return std::optional<bool>{false};
  }
  long_->take(memory.first(static_cast<std::size_t>(newline - memory.data())));
  long_->shape.range.end += 1;
  return std::optional<bool>{true};
}

// The size is taken first: what is appended between the two calls lies behind it, so nothing but
// hole is ever jumped.
Result<bool> LineScanner::skip_hole() {
  auto& shape = long_->shape;
  const auto facts = file_.facts();
  if (!facts) return facts.error();
  const auto data = file_.next_data(shape.range.end - base_);
  if (!data) return data.error();
  const auto hole_end = base_ + data->value_or(facts->size);
  if (hole_end > shape.range.end) long_->take_hole(hole_end);
  return data->has_value();
}

}  // namespace punchline
