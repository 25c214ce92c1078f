#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <vector>

#include "buffer/buffer_file.h"
#include "buffer/byte_range.h"
#include "buffer/lines.h"
#include "buffer/result.h"

namespace punchline {

/// What one step of a scan came to.
struct ScanStep {
  enum class End : std::uint8_t {
    more,          ///< Go on at `next`.
    end_of_data,   ///< No complete line from `next` on, for now.
    needs_memory,  ///< The line at `next` is not over the limit, but larger than the memory given:
                   ///< come again with memory_bytes().
  };
  Position next = 0;  ///< Behind the last item appended.
  End end = End::more;
  std::uint64_t unfinished_bytes = 0;  ///< At end_of_data: length of the unfinished last line.
};

/// Finds the items of a buffer in file order, reading into memory that is lent for each step.
///
/// Each step does a bounded amount of reading (the memory given, or 64 pieces of a long line), so
/// a line of any length, or a hole of terabytes, never holds up the caller. Holes are skipped with
/// SEEK_DATA, which serves only to skip: a filesystem that knows no holes is read through. Nothing
/// is changed. One thread. Errors: `io` from the file; nothing is appended then.
class Scanner {
 public:
  /// `base` is the position of file offset 0. The rules may be replaced between steps.
  Scanner(BufferFile& file, Position base, LineRules rules)
      : file_(file), base_(base), rules_(std::move(rules)) {}

  const LineRules& rules() const { return rules_; }
  void set_rules(LineRules rules);

  /// Memory with which no line under the limit ends in `needs_memory`.
  std::size_t memory_bytes() const { return std::size_t{rules_.record_bytes_max} + 1; }

  /// Appends the items of complete lines that begin in [from, until), at most `items_max`.
  /// `from` must be a record start: the begin or the end of an item, or the front.
  /// Payload offsets refer to `memory`, which is filled from `from` on.
  Result<ScanStep> step(Position from, Position until, std::span<char> memory,
                        std::size_t items_max, std::vector<Item>& items);

 private:
  /// A line too long for the memory, or a NUL run, as far as it has been read.
  struct LongLine {
    explicit LongLine(Position at) { shape.range = {at, at}; }

    LineShape shape;  // range.end: read so far
    bool ends_in_nul = false;

    void take(std::span<const char> piece);
    void take_hole(Position end);
  };

  ScanStep unfinished(Position from, Position read_until) const;
  Result<ScanStep> continue_long(Position until, std::span<char> memory, std::size_t items_max,
                                 std::vector<Item>& items);
  /// Takes the next piece; true when the newline has come, nothing at the end of the file.
  Result<std::optional<bool>> take_piece(std::span<char> memory);
  /// Jumps over hole where the line stands in NULs; false when there is only hole to the end.
  Result<bool> skip_hole();

  BufferFile& file_;
  Position base_;
  LineRules rules_;
  std::optional<LongLine> long_;
};

}  // namespace punchline
