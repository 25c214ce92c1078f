#include "buffer/append_writer.h"

#include <algorithm>
#include <cassert>
#include <cerrno>
#include <charconv>
#include <optional>
#include <utility>

#include "buffer/collapse.h"
#include "buffer/lines.h"
#include "buffer/lock_holder.h"
#include "buffer/stored_state.h"

namespace punchline {
namespace {

constexpr std::string_view kRecordBytesMax = "record_bytes_max=";
constexpr std::string_view kBlocksAt = "blocks_at_bytes=";

Error other_format(const std::string& path, Format standing, Format wanted) {
  return {ErrorKind::refused, 0,
          path + ": is a buffer in format " + name_of(standing) + ", not " + name_of(wanted)};
}

/// The number after `key` in `text`, a list of words. Empty if there is none, or if it is 0.
std::optional<std::uint64_t> number_in(std::string_view text, std::string_view key) {
  const auto at = text.find(key);
  if (at == std::string_view::npos) return std::nullopt;
  text.remove_prefix(at + key.size());
  std::uint64_t number = 0;
  const auto parsed = std::from_chars(text.data(), text.data() + text.size(), number);
  if (parsed.ec != std::errc() || number == 0) return std::nullopt;
  return number;
}

}  // namespace

WriterLimits writer_limits_of(BufferFile& file) {
  WriterLimits limits;
  const auto text = file.attribute(kLimitsAttribute);
  if (!text || !*text) return limits;
  limits.record_bytes_max = number_in(**text, kRecordBytesMax).value_or(limits.record_bytes_max);
  limits.blocks_at_bytes = number_in(**text, kBlocksAt).value_or(0);
  return limits;
}

std::string text_of(const WriterLimits& limits) {
  auto text = std::string(kRecordBytesMax) + std::to_string(limits.record_bytes_max);
  if (limits.blocks_at_bytes == 0) return text;
  return text + " " + std::string(kBlocksAt) + std::to_string(limits.blocks_at_bytes);
}

RecordFit fit_of(std::string_view record, std::uint64_t record_bytes_max) {
  if (record.size() > record_bytes_max) return RecordFit::too_long;
  if (record.find('\n') != std::string_view::npos) return RecordFit::has_newline;
  if (record.find('\0') == std::string_view::npos) {
    return record.empty() ? RecordFit::nothing : RecordFit::fits;
  }
  const auto text = std::min(record.find_first_not_of('\0'), record.size());
  if (text == record.size()) return RecordFit::nothing;
  return text >= kGapBytesMin ? RecordFit::like_a_gap : RecordFit::fits_with_nul;
}

AppendWriter::AppendWriter(Format format, std::unique_ptr<AppendFile> file)
    : format_(format),
      file_(std::move(file)),
      record_bytes_max_(writer_limits_of(file_->file()).record_bytes_max) {}

Result<std::unique_ptr<AppendWriter>> AppendWriter::open(std::unique_ptr<AppendFile> file,
                                                         Format format) {
  const auto standing = standing_format(file->file());
  if (!standing) return standing.error();
  if (*standing != Format::none && *standing != format) {
    return other_format(file->file().path(), *standing, format);
  }
  const auto facts = file->file().facts();
  if (!facts) return facts.error();
  std::unique_ptr<AppendWriter> writer(new AppendWriter(format, std::move(file)));
  writer->settled_ = *standing == format;
  writer->salt_ = frame_salt(facts->inode, facts->birth_ns);
  if (format == Format::frames) {
    constexpr std::uint64_t kMax = kFrameBytesMax - kFrameOverheadBytes;
    writer->record_bytes_max_ = std::min(writer->record_bytes_max_, kMax);
  }
  return writer;
}

/// A buffer that was deleted or renamed is not written to: the agent lets go of it once it has been
/// quiet for a minute, and nobody reads what is written to it after that.
Status AppendWriter::still_named() {
  const auto same = has_its_name();
  if (!same) return same.error();
  if (*same) return {};
  return Error(ErrorKind::io, 0,
               file().path() + ": the buffer that was opened has been deleted or renamed");
}

Result<AppendWriter::Held> AppendWriter::held() {
  constexpr int kSegmentsMax = 4096;
  Held held{0, writer_limits_of(file()).blocks_at_bytes};
  if (held.bytes_max == 0) return held;
  if (auto named = still_named(); !named) return named.error();
  Offset at = 0;
  for (int segment = 0; segment < kSegmentsMax; ++segment) {
    const auto data = file().next_data(at);
    if (!data) return data.error();
    if (!*data) break;
    const auto hole = file().next_hole(**data);
    if (!hole) return hole.error();
    held.bytes += *hole - **data;
    at = *hole;
  }
  return held;
}

Status AppendWriter::make_room(std::size_t bytes) {
  if (ends_.empty() || batch_.size() + bytes <= kBatchBytesMax) return {};
  return flush();
}

Status AppendWriter::add(std::string_view record) {
  assert(format_ == Format::lines);
  if (auto room = make_room(record.size() + 1); !room) return room;
  if (batch_.empty()) batch_ = "\n";
  batch_.append(record).push_back('\n');
  ends_.push_back(batch_.size());
  return {};
}

Status AppendWriter::add(const FrameRecord& record) {
  assert(format_ == Format::frames);
  if (auto room = make_room(record_bytes_of(record) + kFrameOverheadBytes); !room) return room;
  encode_frame(record, salt_, batch_);
  ends_.push_back(batch_.size());
  return {};
}

Status AppendWriter::flush() {
  // Terminates: each turn writes at least one record, or fails.
  while (!ends_.empty()) {
    if (auto named = still_named(); !named) return named;
    if (auto written = settled_ ? write_batch() : write_first_batch(); !written) return written;
  }
  return {};
}

/// Overwriting relies on bytes staying at their offsets, and a collapse moves all of them. Our hold
/// keeps out only an agent that uses the same lock file. An agent without a lock file
/// collapses nothing, unless it completes an interrupted collapse, of which there is an intent.
Status AppendWriter::may_overwrite(const Hold& hold) {
  const auto text = file().attribute(kHolderAttribute);
  if (!text || !*text) return {};
  const auto holder = decode_holder(**text);
  if (holder && hold && holder->lock == hold->lock_file()) return {};
  const auto intent = file().attribute(kIntentAttribute);
  const bool collapses = intent && *intent;
  if (holder && holder->lock == kNoLockFile && !collapses) return {};
  return Error(ErrorKind::busy, 0, "its agent's lock file is not the one that is seen here");
}

/// Two writers may find the same empty file. So the format is looked at once more, and the first
/// record written, under the lock (P5).
Status AppendWriter::write_first_batch() {
  auto hold = file_->hold_offsets(patience_);
  if (!hold) return hold.error();
  deciding_ = std::move(*hold);
  auto written = decide();
  deciding_.reset();
  return written;
}

Status AppendWriter::decide() {
  const auto standing = standing_format(file());
  if (!standing) return standing.error();
  if (*standing != Format::none && *standing != format_) {
    return other_format(file().path(), *standing, format_);
  }
  auto written = write_batch();
  settled_ = *standing == format_ || records_written_ > 0;
  return written;
}

// Writes the whole batch with one append. If that is short, the records that are whole count as
// written, and what it left of the next one is taken back before anything else is appended (P2,
// P4).
Status AppendWriter::write_batch() {
  const auto landed = file_->append(batch_);
  if (!landed) return landed.error();
  last_write_ = *landed;
  const auto written = static_cast<std::size_t>(landed->size());
  const auto whole = std::upper_bound(ends_.begin(), ends_.end(), written) - ends_.begin();
  const auto records = static_cast<std::size_t>(whole);
  // The newline that a batch of lines begins with does no harm alone.
  const std::size_t first = format_ == Format::lines ? 1 : 0;
  const auto kept = records > 0 ? ends_[records - 1] : std::min(written, first);
  const std::string torn = batch_.substr(kept, written - kept);  // nearly always empty
  records_written_ += records;
  forget(records);
  if (!torn.empty()) {
    if (auto taken = take_back(last_write_.begin + kept, torn); !taken) return taken;
    // The block of the torn piece and the block after it can reach the disk in either order.
    // Without this sync a power cut could leave the piece as it was, followed by what is appended
    // later.
    if (auto synced = file_->sync(); !synced) return synced;
  }
  // A short write does not say why it was short. If it has written a record, the next write tells;
  // if not, the disk is taken to be full.
  if (records == 0) return Error::from_errno(ENOSPC, "append to " + file().path());
  return {};
}

Status AppendWriter::take_back(Offset at, std::string_view torn) {
  const auto failed = [&](const Error& why) {
    return Error(why.kind(), why.code(),
                 "take back a torn record (" + std::to_string(torn.size()) +
                     " bytes remain at offset " + std::to_string(at.value()) + " of " + file().path() +
                     ")");
  };
  // The hold keeps a collapse away while we write. Whether there was one before is seen from the
  // bytes.
  const auto hold = deciding_ ? Result<Hold>(Hold()) : file_->hold_offsets(patience_);
  if (!hold) return failed(hold.error());
  if (auto may = may_overwrite(deciding_ ? deciding_ : *hold); !may) return failed(may.error());
  std::string found(torn.size(), '\0');
  const auto got = file().read_at(at, found);
  if (!got) return failed(got.error());
  if (found != torn) return {};
  std::string nothing(torn.size(), '\0');
  if (format_ == Format::lines) nothing.back() = '\n';
  auto written = file_->overwrite(at, nothing);
  if (!written) return failed(written.error());
  return {};
}

void AppendWriter::forget(std::size_t records) {
  if (records == 0) return;
  // In lines, what is left begins with the newline of the last record that is forgotten.
  const auto cut = ends_[records - 1] - (format_ == Format::lines ? 1 : 0);
  batch_.erase(0, cut);
  ends_.erase(ends_.begin(), ends_.begin() + static_cast<std::ptrdiff_t>(records));
  for (auto& end : ends_) {
    end -= cut;
  }
  if (ends_.empty()) batch_.clear();
}

void AppendWriter::discard() {
  batch_.clear();
  ends_.clear();
}

Status AppendWriter::sync() {
  return file_->sync();
}

}  // namespace punchline
