#include "agent/commands/line_splitter.h"

namespace punchline {

std::optional<LineSplitter::Line> LineSplitter::next() {
  const auto newline = rest_.find('\n');
  if (newline == std::string_view::npos) {
    keep(rest_);
    rest_ = {};
    return std::nullopt;
  }
  const auto piece = rest_.substr(0, newline);
  rest_.remove_prefix(newline + 1);
  return end_line(piece);
}

std::optional<LineSplitter::Line> LineSplitter::finish() {
  if (partial_bytes_ == 0) return std::nullopt;
  return end_line({});
}

void LineSplitter::keep(std::string_view piece) {
  partial_bytes_ += piece.size();
  if (partial_bytes_ <= line_bytes_max_) {
    partial_ += piece;
  } else {
    partial_.clear();
  }
}

LineSplitter::Line LineSplitter::end_line(std::string_view last_piece) {
  Line line{last_piece, ++number_, last_piece.size(), false};
  if (partial_bytes_ > 0) {
    keep(last_piece);
    line_.swap(partial_);
    partial_.clear();
    line.text = line_;
    line.bytes = partial_bytes_;
    partial_bytes_ = 0;
  }
  line.too_long = line.bytes > line_bytes_max_;
  if (line.too_long) line.text = {};
  return line;
}

}  // namespace punchline
