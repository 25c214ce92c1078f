#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <utility>

#include "buffer/base/byte_range.h"
#include "buffer/base/result.h"
#include "buffer/buffer_file.h"
#include "buffer/item.h"
#include "buffer/state.h"

namespace punchline {

/// The bytes of a buffer by their positions, and the rules by which they are read.
///
/// A position never changes, whereas a collapse changes which byte a file offset refers to. So all
/// code above BufferFile speaks of positions, and this is the only class that turns one into an
/// offset. All readers of a buffer refer to the same Space and keep no copy of its values: a
/// Checkpoint changes them when it starts, when it collapses the file, and when it sets or drops a
/// fence.
///
/// One thread. Each call that reads or changes the file can fail with `io`. The BufferFile must
/// outlive it.
class Space {
 public:
  /// For a buffer that was never collapsed, unless `base` says otherwise.
  explicit Space(BufferFile& file, Format format = Format::none, ReadRules rules = {},
                 Position base = 0)
      : file_(file), base_(base), format_(format), rules_(std::move(rules)) {}
  Space(const Space&) = delete;
  Space& operator=(const Space&) = delete;

  /// For operations on the file as a whole: its name, attributes, syncs.
  BufferFile& file() { return file_; }
  const std::string& path() const { return file_.path(); }

  /// The position of the first byte of the file, which is the number of bytes collapsed so far.
  Position base() const { return base_; }
  void set_base(Position base) { base_ = base; }
  /// `none` until there is a whole record.
  Format format() const { return format_; }
  void set_format(Format format) { format_ = format; }
  const ReadRules& rules() const { return rules_; }
  ReadRules& rules() { return rules_; }

  /// `at` must not be below base().
  Offset offset_of(Position at) const;
  Position position_of(Offset at) const { return base_ + at.value(); }

  /// The end of the file.
  Result<Position> end();
  /// The same after a barrier (next_data()): an append that is under way either counts already, or
  /// begins at or after this end.
  Result<Position> settled_end();
  /// Whether a line or frame can still begin at `at`, where one was known to begin. In lines the
  /// byte before it has to be a newline or a NUL; otherwise the answer is always true. If false,
  /// the file was truncated and has grown again since.
  Result<bool> may_begin_at(Position at);
  /// Reads into.size() bytes from `at`, which must not be below base(). Reads fewer only at the
  /// end of the file, and none at or beyond it.
  Result<std::size_t> read_at(Position at, std::span<char> into);
  /// Whether `bytes`, which were read at `at` in one call, can have been in the file all at one
  /// moment. One read does not show that: the kernel copies page after page. So NULs can be older
  /// than text after them that a producer wrote in order meanwhile. With O_DIRECT the end of a
  /// write can be in the file before its middle. Without a NUL in `bytes` the answer is true at
  /// once. Otherwise it waits for a write that is under way (next_data()), reads again, and
  /// compares.
  Result<bool> still_holds(Position at, std::span<const char> bytes);
  /// The same for NULs that were read in several calls, or skipped as a hole. If more than 16 MiB
  /// of them are not a hole, it looks at the first and the last 8 MiB.
  Result<bool> still_nul(ByteRange nuls);
  /// The start of the first data at or after `at`; empty if there is only hole up to the end of the
  /// file. It is a barrier, see BufferFile::next_data().
  Result<std::optional<Position>> next_data(Position at);
  /// The start of the first hole at or after `at`; the end of the file counts as one.
  Result<Position> next_hole(Position at);
  /// Frees the whole blocks in `range` and zeroes the rest of it. Errors as for
  /// BufferFile::punch().
  Status punch(ByteRange range);

 private:
  BufferFile& file_;
  Position base_;
  Format format_;
  ReadRules rules_;
};

}  // namespace punchline
