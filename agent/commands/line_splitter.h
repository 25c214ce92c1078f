#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace punchline {

/// Cuts a stream of bytes into lines, in bounded memory however long a line is.
///
/// feed() some bytes, take lines with next() until it returns none, and so on. At the end of the
/// stream finish() returns the last line if it had no newline. CR is part of a line. Pure.
class LineSplitter {
 public:
  struct Line {
    std::string_view text;     ///< Without its newline; valid until the next call.
    std::uint64_t number = 0;  ///< The first line is 1.
    std::uint64_t bytes = 0;   ///< Its true length; text is empty if that is over the limit.
    bool too_long = false;
  };

  explicit LineSplitter(std::size_t line_bytes_max) : line_bytes_max_(line_bytes_max) {}

  /// `bytes` must stay valid until next() has returned none.
  void feed(std::string_view bytes) { rest_ = bytes; }
  std::optional<Line> next();
  std::optional<Line> finish();

  /// Bytes of the line that has begun and not ended yet.
  std::uint64_t unfinished_bytes() const { return partial_bytes_; }
  /// Memory that this line takes: about the limit at most.
  std::size_t held_bytes() const { return partial_.capacity(); }

 private:
  void keep(std::string_view piece);
  Line end_line(std::string_view last_piece);

  std::size_t line_bytes_max_;
  std::string_view rest_;
  std::string partial_;  // the line begun, as long as it is within the limit
  std::string line_;     // what the last Line points to, if it came in pieces
  std::uint64_t partial_bytes_ = 0;
  std::uint64_t number_ = 0;
};

}  // namespace punchline
