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
/// A position never changes, whereas a collapse moves what a file offset means. So everything above
/// BufferFile speaks of positions, and this is the only class that turns one into an offset. All who
/// read a buffer refer to the same Space and keep no copy of what it says: a Checkpoint changes it
/// when it starts, when it collapses the file, and when it sets or drops a fence.
///
/// One thread. Each call may fail with `io`. What it refers to must outlive it.
class Space {
 public:
  /// Of a buffer that was never collapsed, unless `base` says otherwise.
  explicit Space(BufferFile& file, Format format = Format::none, ReadRules rules = {},
                 Position base = 0)
      : file_(file), base_(base), format_(format), rules_(std::move(rules)) {}
  Space(const Space&) = delete;
  Space& operator=(const Space&) = delete;

  /// For what concerns the file as a whole: its name, attributes, syncs.
  BufferFile& file() { return file_; }
  const std::string& path() const { return file_.path(); }

  /// Position of the first byte of the file: so many bytes were collapsed.
  Position base() const { return base_; }
  void set_base(Position base) { base_ = base; }
  /// `none` as long as there is no whole record.
  Format format() const { return format_; }
  void set_format(Format format) { format_ = format; }
  const ReadRules& rules() const { return rules_; }
  ReadRules& rules() { return rules_; }

  /// Of a position that is not below base().
  Offset offset_of(Position at) const;
  Position position_of(Offset at) const { return base_ + at.value(); }

  /// Where the file ends.
  Result<Position> end();
  /// Reads at most into.size() bytes from `at` on, which is not below base(); fewer only at the end
  /// of the file, 0 at or after it.
  Result<std::size_t> read_at(Position at, std::span<char> into);
  /// Whether `bytes`, which were read at `at` in one call, can have stood there at one moment. A read
  /// is none: pages are copied one after the other, so NULs in it may be older than text after them
  /// which somebody wrote in order meanwhile, or (O_DIRECT) not yet there in the middle of a write
  /// whose end is. Without a NUL: true at once. Else it waits for the write that is under way
  /// (next_data()), reads again, and compares.
  Result<bool> still_holds(Position at, std::span<const char> bytes);
  /// The same of NULs that were read in several calls, or jumped. Of more than 16 MiB that are no hole
  /// the first and the last 8 MiB are looked at.
  Result<bool> still_nul(ByteRange nuls);
  /// Where the first data at or after `at` begins; nothing if there is only hole up to the end of
  /// the file. A barrier, as BufferFile::next_data() says.
  Result<std::optional<Position>> next_data(Position at);
  /// Where the first hole at or after `at` begins; the end of the file counts as one.
  Result<Position> next_hole(Position at);
  /// Frees the whole blocks in `range` and zeroes the rest of it; errors as BufferFile::punch().
  Status punch(ByteRange range);

 private:
  BufferFile& file_;
  Position base_;
  Format format_;
  ReadRules rules_;
};

}  // namespace punchline
