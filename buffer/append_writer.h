#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "buffer/append_file.h"
#include "buffer/base/byte_range.h"
#include "buffer/base/result.h"
#include "buffer/buffer_file.h"
#include "buffer/frame.h"
#include "buffer/state.h"

namespace punchline {

/// Whether some bytes can be a record of format lines and be delivered as they were written.
enum class RecordFit : std::uint8_t {
  fits,
  fits_with_nul,  ///< Delivered while the machine stays up; set aside if a power cut comes first.
  nothing,        ///< Empty or only NULs, which readers take for freed space.
  too_long,
  like_a_gap,   ///< Begins with so many NULs that readers take them for a writer's gap.
  has_newline,  ///< It would be several records.
};
RecordFit fit_of(std::string_view record, std::uint64_t record_bytes_max);

inline constexpr std::uint64_t kRecordBytesMaxDefault = 1024 * 1024;

/// The limits that a buffer's agent leaves for its writers in user.punchline.limits. A value that
/// is missing there or cannot be read has its default.
struct WriterLimits {
  std::uint64_t record_bytes_max = kRecordBytesMaxDefault;
  std::uint64_t blocks_at_bytes = 0;  ///< Writers wait while it holds this much data; 0: never.

  friend bool operator==(const WriterLimits&, const WriterLimits&) = default;
};
WriterLimits writer_limits_of(BufferFile& file);
/// The attribute's text: "record_bytes_max=N blocks_at_bytes=N".
std::string text_of(const WriterLimits& limits);

/// The writer's side of a buffer (buffer/FORMAT.md, "Writing").
///
/// Promise: a record is written whole or not at all, unless a kill -9 or a power cut comes in the
/// middle of a write. One write(2) with O_APPEND holds up to 64 KiB of records (or one longer
/// record), and appends of other writers cannot come in between. In lines each write begins with a
/// newline, so its records never become part of a line that an earlier writer left unfinished. If a
/// write is short, the torn piece of a record is taken back: it is overwritten in place with NULs
/// (and in lines a newline). It is never cut off with ftruncate(2), which would remove records that
/// others have appended after it. That is synced, and the record is then written again, never
/// continued.
///
/// Any number of writers, in any number of processes, can have the same buffer open. One object
/// belongs to one thread. A caller with a file-size limit must ignore SIGXFSZ (setrlimit(2)).
class AppendWriter {
 public:
  static constexpr std::size_t kBatchBytesMax = 64 * 1024;

  /// A writer of `format` on an existing buffer. Errors: `refused` if the buffer is in the other
  /// format or of a newer version; `io`. If nothing has been appended yet, the first writer decides
  /// the format, and flush() of a writer with the other one is `refused`.
  static Result<std::unique_ptr<AppendWriter>> open(std::unique_ptr<AppendFile> file,
                                                    Format format);

  Format format() const { return format_; }
  /// How long a write waits while another writer or a collapse holds the lock on the offsets
  /// (LockFile). 10 s unless set.
  void set_patience(std::chrono::milliseconds patience) { patience_ = patience; }

  /// The limit as it was when the buffer was opened; in frames 64 MiB at most.
  std::uint64_t record_bytes_max() const { return record_bytes_max_; }

  /// How much the buffer holds, and from how much on its agent asks writers to wait.
  struct Held {
    std::uint64_t bytes = 0;
    std::uint64_t bytes_max = 0;  ///< 0: no limit, and `bytes` is not looked up.
    bool is_full() const { return bytes_max > 0 && bytes >= bytes_max; }
  };
  /// Adds up the data segments of the buffer, 4,096 of them at most. Errors: `io` as for flush().
  Result<Held> held();

  /// Format lines: takes one record, without its newline, into the batch. The record must fit (see
  /// fit_of()). If the batch has no room for it, the batch is written first; if that fails, the
  /// record is not taken.
  Status add(std::string_view record);
  /// The same in format frames. record_bytes_of() must not exceed record_bytes_max(), nor a
  /// header's name 65,535 bytes.
  Status add(const FrameRecord& record);

  /// Writes all records that have been taken. Errors:
  ///  `busy`: the lock on the offsets was not granted in time (set_patience()). It is needed for a
  ///    buffer's first records and to take a torn piece back. Also if the agent's lock file is not
  ///    the one that we see.
  ///  `no_space`: full disk, quota.
  ///  `io`: also EFBIG, and a buffer that was deleted or renamed since it was opened, which perhaps
  ///    nobody will ever read again.
  /// After an error the first records may have been written (see records_written()). The others
  /// stay taken, and flush() can be tried again. If a torn piece cannot be taken back, the error
  /// text says where it remains. On a full disk btrfs refuses that, since it writes nothing in
  /// place. The piece stays as torn text (FORMAT.md), and the newline of the next write ends it.
  Status flush();
  /// Drops the records that have been added and not written. Without this, the next flush() after a
  /// failed one would write them.
  void discard();

  /// Makes the records that flush() has written durable (fdatasync(2)).
  Status sync();

  std::uint64_t records_written() const { return records_written_; }
  std::size_t records_waiting() const { return ends_.size(); }
  /// The file offsets of the bytes of the last write, whether they were taken back or not.
  OffsetRange last_write() const { return last_write_; }

  /// The buffer, to be read, and for its attributes.
  BufferFile& file() { return file_->file(); }
  /// False once the buffer was deleted or renamed. Errors: `io`.
  Result<bool> has_its_name() { return file_->has_its_name(); }

 private:
  AppendWriter(Format format, std::unique_ptr<AppendFile> file);

  using Hold = std::unique_ptr<AppendFile::Hold>;

  Status still_named();
  Status make_room(std::size_t bytes);
  Status write_batch();
  Status write_first_batch();
  Status decide();
  Status may_overwrite(const Hold& hold);
  Status take_back(Offset at, std::string_view torn);
  void forget(std::size_t records);

  Format format_;
  bool settled_ = false;  // the buffer holds something, and it is in our format
  std::unique_ptr<AppendFile> file_;
  Hold deciding_;  // held during the first write, if it can be had
  std::uint64_t record_bytes_max_;
  std::chrono::milliseconds patience_{10'000};
  std::uint32_t salt_ = 0;         // of the file, for frames
  std::string batch_;              // in lines: newline, then records, each with its newline
  std::vector<std::size_t> ends_;  // of each record in batch_
  std::uint64_t records_written_ = 0;
  OffsetRange last_write_;
};

}  // namespace punchline
