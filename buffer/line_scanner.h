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

/// The scanner for format lines. One step fills the memory given once, or up to 64 times for a long
/// line. Holes are skipped with SEEK_DATA, which serves only to skip: on a filesystem that has no
/// holes everything is read.
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
  /// A line that is too long for the memory, or a NUL run, up to where it has been read.
  struct LongLine {
    explicit LongLine(Position at) { shape.range = {at, at}; }

    LineShape shape;                 // range.end: read up to here
    std::uint64_t ending_nuls = 0;   // NULs at the end of the bytes read so far
    ByteRange nuls;                  // the first run of NULs
    bool has_more_nuls = false;      // after that run

    void take(std::span<const char> piece);
    void take_hole(Position end);
    void note_nuls(std::span<const char> piece);
  };

  static ScanStep unfinished(const LongLine& line);
  Result<ScanStep> continue_long(Position until, std::span<char> memory, std::size_t items_max,
                                 std::vector<Item>& items);
  /// Takes the next piece. True once the newline has come; empty at the end of the file.
  Result<std::optional<bool>> take_piece(std::span<char> memory);
  /// Skips a hole if the line has come to NULs. False if there is only hole to the end of the file.
  Result<bool> skip_hole();
  /// Whether its NULs are still there, so that the line can have been there whole at one moment.
  Result<bool> still_holds(const LongLine& line);
  Result<bool> has_newline(ByteRange range);
  /// The item for a complete line, or for its first part if a fence parts it.
  Result<Item> verdict(const LineShape& shape);

  Space& space_;
  std::optional<LongLine> long_;
};

}  // namespace punchline
