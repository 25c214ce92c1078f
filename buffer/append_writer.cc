#include "buffer/append_writer.h"

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <optional>
#include <utility>

#include <fcntl.h>

#include "buffer/lines.h"
#include "buffer/state.h"

namespace punchline {
namespace {

/// The number behind "record_bytes_max=" in a text of such words; nothing if there is none.
std::optional<std::uint64_t> limit_in(std::string_view text) {
  constexpr std::string_view kKey = "record_bytes_max=";
  const auto at = text.find(kKey);
  if (at == std::string_view::npos) return std::nullopt;
  text.remove_prefix(at + kKey.size());
  std::uint64_t number = 0;
  const auto parsed = std::from_chars(text.data(), text.data() + text.size(), number);
  if (parsed.ec != std::errc() || number == 0) return std::nullopt;
  return number;
}

}  // namespace

std::uint64_t record_bytes_max_of(BufferFile& file) {
  const auto text = file.attribute(kLimitsAttribute);
  if (!text || !*text) return kRecordBytesMaxDefault;
  return limit_in(**text).value_or(kRecordBytesMaxDefault);
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

AppendWriter::AppendWriter(std::unique_ptr<PosixFile> file, Descriptor appending,
                           Descriptor in_place)
    : file_(std::move(file)),
      appending_(std::move(appending)),
      in_place_(std::move(in_place)),
      record_bytes_max_(record_bytes_max_of(*file_)) {}

Result<std::unique_ptr<AppendWriter>> AppendWriter::open(const std::string& path) {
  auto file = PosixFile::open(path);
  if (!file) return file.error();
  auto appending = (*file)->descriptor().reopen(O_WRONLY | O_APPEND);
  if (!appending) return appending.error();
  auto in_place = (*file)->descriptor().reopen(O_WRONLY);
  if (!in_place) return in_place.error();
  return std::unique_ptr<AppendWriter>(
      new AppendWriter(std::move(*file), std::move(*appending), std::move(*in_place)));
}

Status AppendWriter::add(std::string_view record) {
  const bool full = batch_.size() + record.size() + 1 > kBatchBytesMax;
  if (full && !ends_.empty()) {
    if (auto flushed = flush(); !flushed) return flushed;
  }
  if (batch_.empty()) batch_ = "\n";
  batch_.append(record).push_back('\n');
  ends_.push_back(batch_.size());
  return {};
}

Status AppendWriter::flush() {
  // Ends: each turn writes a record at least, or fails.
  while (!ends_.empty()) {
    if (auto written = write_batch(); !written) return written;
  }
  return {};
}

Status AppendWriter::write_batch() {
  const auto written = appending_.write_once(batch_);
  if (!written) return written.error();
  // O_APPEND sets the descriptor's position to the end of what this very write has written, and
  // nobody else uses the descriptor, so this is exact whatever others append meanwhile.
  const auto end = appending_.where();
  if (!end) return end.error();
  last_write_ = {*end - *written, *end};
  const auto whole = std::upper_bound(ends_.begin(), ends_.end(), *written) - ends_.begin();
  const auto records = static_cast<std::size_t>(whole);
  const auto kept = records > 0 ? ends_[records - 1] : std::min<std::size_t>(*written, 1);
  const std::string torn = batch_.substr(kept, *written - kept);  // nearly always empty
  records_written_ += records;
  forget(records);
  if (!torn.empty()) {
    if (auto taken = take_back(last_write_.begin + kept, torn); !taken) return taken;
  }
  // A short write does not say why. The next one does, if there is a record it can be tried with.
  if (records == 0) return appending_.error(ENOSPC, "append to");
  return {};
}

Status AppendWriter::take_back(std::uint64_t offset, std::string_view torn) {
  const auto failed = [&](const Error& why) {
    return Error(why.kind(), why.code(),
                 "take back a torn record (" + std::to_string(torn.size()) +
                     " bytes remain at offset " + std::to_string(offset) + " of " + file_->path() +
                     ")");
  };
  // The agent may have trimmed the front meanwhile, which moves everything: look before writing.
  std::string found(torn.size(), '\0');
  const auto got = file_->read_at(offset, found);
  if (!got) return failed(got.error());
  if (found != torn) return {};
  std::string nothing(torn.size(), '\0');
  nothing.back() = '\n';
  auto written = in_place_.write_at(offset, nothing);
  if (!written) return failed(written.error());
  return {};
}

void AppendWriter::forget(std::size_t records) {
  if (records == 0) return;
  const auto cut = ends_[records - 1] - 1;  // its newline begins what is left
  batch_.erase(0, cut);
  ends_.erase(ends_.begin(), ends_.begin() + static_cast<std::ptrdiff_t>(records));
  for (auto& end : ends_) {
    end -= cut;
  }
  if (ends_.empty()) batch_.clear();
}

Status AppendWriter::sync() {
  return appending_.sync_data();
}

}  // namespace punchline
