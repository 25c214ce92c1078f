#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "buffer/base/byte_range.h"

namespace punchline {

/// Draws a file as a row of characters, one for each equal part of it. Pure.
///
/// If a part holds several things, the one that matters most is shown: the last in the order of
/// Mark.
class Picture {
 public:
  enum class Mark : std::uint8_t {
    none,
    freed,        ///< Below the front, given back to the disk.
    done,         ///< Below the front, still on disk.
    done_above,   ///< Nothing to deliver, above the front, still on disk.
    freed_above,  ///< A hole in what is yet to be read: done out of order, or never written.
    unfinished,   ///< A last line without its newline.
    waiting,
    set_aside,
  };
  static constexpr std::size_t kMarks = 8;
  static constexpr std::size_t kColumns = 64;

  /// `extent` is the range that the whole picture shows. A part has at least one byte.
  explicit Picture(ByteRange extent);

  /// Marks all parts that `range` touches. Nothing is drawn outside of the extent.
  void add(ByteRange range, Mark mark);

  /// One line of at most kColumns characters; empty for an empty extent.
  std::string line() const;
  /// "4 KiB each; . freed  # waiting": the size of a part, and the characters that occur.
  std::string legend() const;

 private:
  ByteRange extent_;
  std::uint64_t bytes_per_cell_;
  std::vector<Mark> cells_;
};

/// "17 bytes", "64 KiB", "1.5 GiB": three digits at most, but four from 1,000 on.
std::string human_bytes(std::uint64_t bytes);

}  // namespace punchline
