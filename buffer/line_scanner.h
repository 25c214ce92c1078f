#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <vector>

#include "buffer/base/byte_range.h"
#include "buffer/base/result.h"
#include "buffer/lines.h"
#include "buffer/scanner.h"

namespace punchline {

/// Format lines. A step reads the memory given, or 64 pieces of a long line. Holes are skipped with
/// SEEK_DATA, which serves only to skip: a filesystem that knows no holes is read through.
class LineScanner final : public Scanner {
 public:
  explicit LineScanner(Space& space) : space_(space) {}

  void forget() override { long_.reset(); }
  std::size_t memory_bytes() const override {
    return std::size_t{space_.rules().record_bytes_max} + 1;
  }
  Result<ScanStep> step(Position from, Position until, std::span<char> memory,
                        std::size_t items_max, std::vector<Item>& items) override;

 private:
  /// A line too long for the memory, or a NUL run, as far as it has been read.
  struct LongLine {
    explicit LongLine(Position at) { shape.range = {at, at}; }

    LineShape shape;                 // range.end: read so far
    std::uint64_t ending_nuls = 0;   // of what has been read
    ByteRange nuls;                  // the first run of them
    bool has_more_nuls = false;      // behind that

    void take(std::span<const char> piece);
    void take_hole(Position end);
    void note_nuls(std::span<const char> piece);
  };

  static ScanStep unfinished(const LongLine& line);
  Result<ScanStep> continue_long(Position until, std::span<char> memory, std::size_t items_max,
                                 std::vector<Item>& items);
  /// Takes the next piece; true when the newline has come, nothing at the end of the file.
  Result<std::optional<bool>> take_piece(std::span<char> memory);
  /// Jumps over hole where the line stands in NULs; false when there is only hole to the end.
  Result<bool> skip_hole();
  /// Whether its NULs are still there, so that it can have stood there at one moment.
  Result<bool> still_holds(const LongLine& line);
  Result<bool> has_newline(ByteRange range);
  /// Of a line that is all there, or of what stands before a fence that parts it.
  Result<Item> verdict(const LineShape& shape);

  Space& space_;
  std::optional<LongLine> long_;
};

}  // namespace punchline
