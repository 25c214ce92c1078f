#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "buffer/base/byte_range.h"
#include "buffer/base/result.h"
#include "buffer/descriptor.h"
#include "buffer/frame.h"
#include "buffer/lock_file.h"
#include "buffer/posix_file.h"
#include "buffer/state.h"

namespace punchline {

/// Whether some bytes can be a record of format lines, and come out again as they went in.
enum class RecordFit : std::uint8_t {
  fits,
  fits_with_nul,  ///< Delivered while the machine stays up; set aside if a power cut comes first.
  nothing,        ///< Empty or only NULs: what readers take for freed space.
  too_long,
  like_a_gap,   ///< Begins with so many NULs that readers take it for a writer's gap.
  has_newline,  ///< Would be several records.
};
RecordFit fit_of(std::string_view record, std::uint64_t record_bytes_max);

inline constexpr std::uint64_t kRecordBytesMaxDefault = 1024 * 1024;

/// What a buffer's agent has left for writers in user.punchline.limits; what is missing there or
/// cannot be read has its default.
struct WriterLimits {
  std::uint64_t record_bytes_max = kRecordBytesMaxDefault;
  std::uint64_t blocks_at_bytes = 0;  ///< Writers wait at so much data; 0: never.

  friend bool operator==(const WriterLimits&, const WriterLimits&) = default;
};
WriterLimits writer_limits_of(BufferFile& file);
/// The attribute's text: "record_bytes_max=N blocks_at_bytes=N".
std::string text_of(const WriterLimits& limits);

/// The writer's side of a buffer (buffer/FORMAT.md, "Writing").
///
/// Promise: one write(2) with O_APPEND holds up to 64 KiB of records (or one longer record), which
/// appends of others cannot come between; in lines it begins with a newline, so that its records
/// never become part of what a writer before us left unfinished. What a short write leaves of a
/// record is taken back by overwriting it in place with NULs (and in lines a newline), never by
/// ftruncate(2), which would cut off records of others behind it, and the record is written again,
/// never continued. A record is written whole or not at all, but for a kill -9 or a power cut in
/// mid-write.
///
/// Any number of writers, in any number of processes, may have the same buffer open. One object
/// belongs to one thread. A caller with a file-size limit ignores SIGXFSZ (setrlimit(2)).
class AppendWriter {
 public:
  static constexpr std::size_t kBatchBytesMax = 64 * 1024;

  /// Opens an existing buffer to write `format`. Errors as PosixFile::open(), and `refused` where
  /// the buffer is in the other format or of a newer version. Where nothing has been appended yet
  /// the first one to write decides, and the others' flush() is `refused`.
  static Result<std::unique_ptr<AppendWriter>> open(const std::string& path, Format format);

  Format format() const { return format_; }
  /// How long a write waits where another writer or a collapse has the offsets (LockFile); 10 s at
  /// first.
  void set_patience(std::chrono::milliseconds patience) { patience_ = patience; }

  /// As it was when it was opened; in frames 64 MiB at most.
  std::uint64_t record_bytes_max() const { return record_bytes_max_; }

  /// What the buffer holds, and at how much its agent asks writers to wait by now.
  struct Held {
    std::uint64_t bytes = 0;
    std::uint64_t bytes_max = 0;  ///< 0: no limit; `bytes` is not looked up then.
    bool is_full() const { return bytes_max > 0 && bytes >= bytes_max; }
  };
  /// Looks at its data segments, 4,096 of them at most; `io`, as flush().
  Result<Held> held();

  /// Format lines: takes one record without its newline, which must be one that fits (fit_of()).
  /// Writes the batch first if this one has no room left in it; if that fails the record is not
  /// taken.
  Status add(std::string_view record);
  /// Format frames: likewise; record_bytes_of() must not exceed record_bytes_max(), nor a header's
  /// name 65,535 bytes.
  Status add(const FrameRecord& record);

  /// Writes all that has been taken. `busy` (see set_patience(): asked for a buffer's first
  /// records, and to take back, also where the agent has another lock file than we see), `no_space`
  /// (full disk, quota) and `io` (also EFBIG, and a buffer that was deleted or renamed since it was
  /// opened: nobody may ever read it again): records in front may have been written, as
  /// records_written() tells; the others stay taken, and flush() may be tried again. If taking back
  /// fails the text says where a torn piece remains: btrfs, which writes nothing in place, refuses
  /// it on a full disk. It stays what FORMAT.md calls torn text, and the newline of the next write
  /// ends it.
  Status flush();
  /// Gives up what has been added and is not written: after a failed flush() it would come with the
  /// next one.
  void discard();

  /// Makes what flush() has written durable (fdatasync(2)).
  Status sync();

  std::uint64_t records_written() const { return records_written_; }
  std::size_t records_waiting() const { return ends_.size(); }
  /// File offsets at which the bytes of the last write landed, taken back or not.
  OffsetRange last_write() const { return last_write_; }

  PosixFile& file() { return *file_; }

 private:
  AppendWriter(Format format, std::unique_ptr<PosixFile> file, Descriptor appending,
               Descriptor in_place);

  Status still_named() const;
  Status make_room(std::size_t bytes);
  Status write_batch();
  Status write_first_batch();
  Status decide();
  Result<std::optional<LockFile>> lock_offsets() const;
  Status may_overwrite(const std::optional<LockFile>& lock) const;
  Status take_back(Offset at, std::string_view torn);
  void forget(std::size_t records);

  Format format_;
  bool settled_ = false;  // the buffer holds something, and it is of our format
  std::unique_ptr<PosixFile> file_;
  std::optional<LockFile> deciding_;  // held during the first write
  Descriptor appending_;
  Descriptor in_place_;  // without O_APPEND, with which pwrite(2) would ignore its offset
  std::uint64_t record_bytes_max_;
  std::chrono::milliseconds patience_{10'000};
  std::uint32_t salt_ = 0;         // of the file, for frames
  std::string batch_;              // in lines: newline, then records, each with its newline
  std::vector<std::size_t> ends_;  // of each record in batch_
  std::uint64_t records_written_ = 0;
  OffsetRange last_write_;
};

}  // namespace punchline
