#include "buffer/line_scanner.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <utility>

#include "buffer/base/rarely.h"
#include "buffer/nuls.h"

namespace punchline {
namespace {

constexpr int kPiecesPerStepMax = 64;

}  // namespace

void LineScanner::LongLine::take(std::span<const char> piece) {
  if (piece.empty()) return;
  if (!shape.has_text) {
    const auto run = leading_nuls(piece);
    shape.leading_nuls += run;
    shape.has_text = run < piece.size();
  }
  note_nuls(piece);
  shape.has_nul = !nuls.empty();
  shape.range.end += piece.size();
  const auto last = ending_nuls_of(piece);
  ending_nuls = last == piece.size() ? ending_nuls + last : last;
}

void LineScanner::LongLine::note_nuls(std::span<const char> piece) {
  if (nuls.end == shape.range.end) {
    const auto run = leading_nuls(piece);
    nuls.end += run;
    piece = piece.subspan(run);
  }
  if (piece.empty()) return;
  const auto* first = static_cast<const char*>(std::memchr(piece.data(), 0, piece.size()));
  if (first == nullptr) return;
  if (!nuls.empty()) {
    has_more_nuls = true;
    return;
  }
  const auto at = static_cast<std::size_t>(first - piece.data());
  nuls.begin = shape.range.end + at;
  nuls.end = nuls.begin + leading_nuls(piece.subspan(at));
}

void LineScanner::LongLine::take_hole(Position end) {
  const auto bytes = end - shape.range.end;
  if (nuls.empty()) nuls.begin = nuls.end = shape.range.end;
  if (nuls.end == shape.range.end)
    nuls.end = end;
  else
    has_more_nuls = true;
  if (!shape.has_text) shape.leading_nuls += bytes;
  ending_nuls += bytes;
  shape.has_nul = true;
  shape.range.end = end;
}

ScanStep LineScanner::unfinished(const LongLine& line) {
  const auto& range = line.shape.range;
  return {range.begin, ScanStep::End::end_of_data, range.size() - line.ending_nuls,
          line.ending_nuls};
}

// Takes the lines that are whole in memory. A line that is longer is followed piece by piece, over
// as many steps as it takes.
Result<ScanStep> LineScanner::step(Position from, Position until, std::span<char> memory,
                                   std::size_t items_max, std::vector<Item>& items) {
  if (from >= until) return unfinished(LongLine(from));
  if (long_ && long_->shape.range.begin == from) {
    return continue_long(until, memory, items_max, items);
  }
  long_.reset();
  const auto read = space_.read_at(from, memory);
  if (!read) return read.error();
  const auto bytes = memory.first(*read);
  const auto first = items.size();
  const auto covered = decode_lines(space_.rules(), from, bytes, until, items_max, items);
  if (covered > 0) {
    const auto holds = space_.still_holds(from, bytes.first(covered));
    RARELY(holds && !*holds, "R9: lines were written to since they were read");
    if (!holds || !*holds) items.resize(first);
    if (!holds) return holds.error();
    return ScanStep{*holds ? from + covered : from, ScanStep::End::more, 0};
  }
  LongLine line(from);
  line.take(bytes);
  if (bytes.size() < memory.size()) return unfinished(line);
  long_ = line;
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
      const auto step = unfinished(*long_);
      // A writer may take back a failed record by rewriting it in place (AppendWriter). So a line
      // that could be such a record is read again from its beginning if nothing follows it. So are
      // NULs at the end, since their producer may write into them.
      const bool may_be_taken_back = range.end == known_until && range.size() <= memory_bytes();
      RARELY(may_be_taken_back, "a long line may be taken back by its writer");
      if (may_be_taken_back || step.room_bytes > 0) long_.reset();
      return step;
    }
    if (!**ended) continue;
    // The line is over whatever comes of it, even an error: the next piece is not a part of it.
    const auto line = *std::exchange(long_, std::nullopt);
    const auto holds = still_holds(line);
    if (!holds) return holds.error();
    RARELY(!*holds, "R9: a long line was written to since it was read");
    if (!*holds) return ScanStep{from, ScanStep::End::more, 0};
    const auto item = verdict(line.shape);
    if (!item) return item.error();
    if (item->kind != Item::Kind::record) {
      items.push_back(*item);
      return ScanStep{item->range.end, ScanStep::End::more, 0};
    }
    if (line.shape.range.size() > memory.size())
      return ScanStep{from, ScanStep::End::needs_memory, 0};
    return step(from, until, memory, items_max, items);
  }
  return ScanStep{from, ScanStep::End::more, 0};
}

Result<std::optional<bool>> LineScanner::take_piece(std::span<char> memory) {
  if (long_->ending_nuls > 0) {
    const auto more = skip_hole();
    if (!more) return more.error();
    if (!*more) return std::optional<bool>{};
  }
  const auto read = space_.read_at(long_->shape.range.end, memory);
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

// The size is asked for first. What is appended between the two calls comes after it, so nothing
// but a hole is ever skipped.
Result<bool> LineScanner::skip_hole() {
  auto& shape = long_->shape;
  const auto end = space_.end();
  if (!end) return end.error();
  const auto data = space_.next_data(shape.range.end);
  if (!data) return data.error();
  const auto hole_end = data->value_or(*end);
  if (hole_end > shape.range.end) long_->take_hole(hole_end);
  return data->has_value();
}

// The first run of NULs is read again. Of later runs it is enough to know that no newline was
// written into them.
Result<bool> LineScanner::still_holds(const LongLine& line) {
  const auto nul = space_.still_nul(line.nuls);
  if (!nul || !*nul || !line.has_more_nuls) return nul;
  RARELY(true, "a long line has several runs of NULs");
  const auto has = has_newline({line.nuls.end, line.shape.range.end - 1});
  if (!has) return has.error();
  return !*has;
}

Result<bool> LineScanner::has_newline(ByteRange range) {
  std::array<char, 64 * 1024> memory;
  for (auto at = range.begin; at < range.end;) {
    const auto data = space_.next_data(at);
    if (!data) return data.error();
    at = data->value_or(range.end);
    if (at >= range.end) break;
    const auto wanted = std::min<std::uint64_t>(memory.size(), range.end - at);
    const auto read = space_.read_at(at, std::span(memory).first(wanted));
    if (!read) return read.error();
    if (*read == 0) break;
    if (std::memchr(memory.data(), '\n', *read) != nullptr) return true;
    at += *read;
  }
  return false;
}

Result<Item> LineScanner::verdict(const LineShape& shape) {
  const auto& rules = space_.rules();
  if (!shape.has_text) return classify(rules, shape);
  for (const auto fence : fences_in(rules, shape.range)) {
    std::array<char, 2> around{};
    const auto read = space_.read_at(fence - 1, around);
    if (!read) return read.error();
    if (parts_at_fence(around)) return classify_before(fence, shape);
  }
  return classify(rules, shape);
}

}  // namespace punchline
