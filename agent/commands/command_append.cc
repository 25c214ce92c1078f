#include <cerrno>
#include <cinttypes>
#include <cstdio>
#include <deque>
#include <memory>
#include <vector>

#include <fcntl.h>
#include <unistd.h>

#include "agent/commands/commands.h"
#include "agent/commands/line_splitter.h"
#include "agent/host/ending_signals.h"
#include "buffer/posix_append_file.h"
#include "buffer/base/counted.h"
#include "buffer/boot.h"
#include "buffer/host.h"
#include "buffer/lock.h"
#include "buffer/posix_file.h"
#include "buffer/state.h"

namespace punchline {
namespace {

constexpr std::size_t kAskedEachBytes = 64 * 1024;

/// Appends lines to a buffer, counts those that are refused or left out, and reports them on
/// stderr.
class Appending {
 public:
  Appending(AppendWriter& writer, const AppendOptions& options, EndingSignals& signals)
      : writer_(writer), options_(options), signals_(signals) {}

  /// False if nothing more can be written.
  bool take(const LineSplitter::Line& line);
  /// Writes the records that wait. With --sync they are durable afterwards.
  bool settle();
  bool fail(const std::string& why);
  ExitCode outcome(bool interrupted) const;

 private:
  bool refuse(const LineSplitter::Line& line, const std::string& why);
  bool wait_for_room(const LineSplitter::Line& line);
  void tell_of_waiting(const AppendWriter::Held& held);
  bool take_frame(const LineSplitter::Line& line);
  bool note(const Status& added);
  bool fail_writing(const Error& error, std::size_t unwritten);
  void tell_of_nul(const LineSplitter::Line& line);
  void tell_of_clock();
  void trim_waiting(std::size_t unwritten);

  AppendWriter& writer_;
  const AppendOptions& options_;
  EndingSignals& signals_;
  std::deque<std::uint64_t> waiting_;  // numbers of the lines that are not written yet
  std::uint64_t refused_ = 0;
  std::uint64_t nothing_ = 0;
  bool nul_told_ = false;
  bool clock_told_ = false;
  bool failed_ = false;
  std::size_t unasked_bytes_ = kAskedEachBytes;  // taken since room was last looked for
  ExitCode failed_as_ = ExitCode::io;
};

/// Waits where the operator wants writers to wait at a limit, until the agent has freed something.
/// False if nothing more can be written.
bool Appending::wait_for_room(const LineSplitter::Line& line) {
  constexpr int kLookMs = 100;
  unasked_bytes_ += line.bytes;
  if (unasked_bytes_ < kAskedEachBytes) return true;
  unasked_bytes_ = 0;
  for (bool told = false;; told = true) {
    const auto held = writer_.held();
    if (!held) {
      waiting_.push_back(line.number);
      return fail_writing(held.error(), writer_.records_waiting() + 1);
    }
    if (!held->is_full()) return true;
    if (!told) tell_of_waiting(*held);
    if (!settle() || signals_.come(kLookMs)) return false;
  }
}

void Appending::tell_of_waiting(const AppendWriter::Held& held) {
  const auto file = PosixFile::open(writer_.file().path());
  std::fprintf(stderr,
               "append: %s holds %" PRIu64 " bytes, its bytes_max is %" PRIu64
               ": waiting for room%s\n",
               writer_.file().path().c_str(), held.bytes, held.bytes_max,
               !file || Lock::is_held(**file) ? "" : "; no agent is at work on it");
}

bool Appending::take(const LineSplitter::Line& line) {
  if (!wait_for_room(line)) return false;
  if (writer_.format() == Format::frames) return take_frame(line);
  const auto limit = writer_.record_bytes_max();
  switch (line.too_long ? RecordFit::too_long : fit_of(line.text, limit)) {
    case RecordFit::too_long:
      return refuse(line, "the limit is " + std::to_string(limit));
    case RecordFit::like_a_gap:
      return refuse(line, "it begins with more NULs than a record of format lines may");
    case RecordFit::nothing:
      ++nothing_;
      return true;
    case RecordFit::fits_with_nul:
      tell_of_nul(line);
      break;
    case RecordFit::has_newline:  // no line has one
    case RecordFit::fits:
      break;
  }
  waiting_.push_back(line.number);
  return note(writer_.add(line.text));
}

bool Appending::take_frame(const LineSplitter::Line& line) {
  FrameRecord record;
  record.payload = line.text;
  record.timestamp_ms = record_time_ms();
  if (record.timestamp_ms == FrameRecord::kNoTimestamp) tell_of_clock();
  if (options_.key) record.key = *options_.key;
  for (const auto& [name, value] : options_.headers)
    record.headers.push_back({name, value});
  const auto limit = writer_.record_bytes_max();
  if (line.too_long || record_bytes_of(record) > limit) {
    return refuse(line, "the limit, with key and headers, is " + std::to_string(limit));
  }
  waiting_.push_back(line.number);
  return note(writer_.add(record));
}

bool Appending::refuse(const LineSplitter::Line& line, const std::string& why) {
  constexpr std::uint64_t kToldMax = 20;
  if (++refused_ <= kToldMax) {
    std::fprintf(stderr, "append: line %" PRIu64 " refused: %" PRIu64 " bytes, %s\n", line.number,
                 line.bytes, why.c_str());
  }
  return true;
}

void Appending::tell_of_nul(const LineSplitter::Line& line) {
  if (nul_told_) return;
  nul_told_ = true;
  std::fprintf(stderr,
               "append: line %" PRIu64
               " holds NUL bytes: if the power fails before such a record is delivered it is set "
               "aside, not delivered\n",
               line.number);
}

void Appending::tell_of_clock() {
  if (clock_told_) return;
  clock_told_ = true;
  std::fprintf(stderr,
               "append: the clock says %s, which cannot be: such records are appended without a "
               "time, and get that of their sending\n",
               now_utc().c_str());
}

bool Appending::note(const Status& added) {
  if (!added) return fail_writing(added.error(), writer_.records_waiting() + 1);
  trim_waiting(writer_.records_waiting());
  return true;
}

bool Appending::settle() {
  if (failed_) return false;
  if (auto written = writer_.flush(); !written) {
    return fail_writing(written.error(), writer_.records_waiting());
  }
  if (waiting_.empty()) return true;  // nothing since the last time
  waiting_.clear();
  if (!options_.sync) return true;
  auto synced = writer_.sync();
  return synced || fail(synced.error().message());
}

void Appending::trim_waiting(std::size_t unwritten) {
  while (waiting_.size() > unwritten) {
    waiting_.pop_front();
  }
}

bool Appending::fail(const std::string& why) {
  failed_ = true;
  std::fprintf(stderr, "append: %s\n", why.c_str());
  return false;
}

bool Appending::fail_writing(const Error& error, std::size_t unwritten) {
  trim_waiting(unwritten);
  fail(error.message());
  if (error.kind() == ErrorKind::refused) failed_as_ = ExitCode::config;
  std::fprintf(stderr, "append: %s appended; line %" PRIu64 " and what follows it were not\n",
               counted(writer_.records_written(), "record").c_str(), waiting_.front());
  return false;
}

ExitCode Appending::outcome(bool interrupted) const {
  if (nothing_ > 0) {
    std::fprintf(stderr, "append: %s left out: empty or only NULs is no record in format lines\n",
                 counted(nothing_, "line").c_str());
  }
  if (refused_ > 0) {
    std::fprintf(stderr, "append: %s refused\n", counted(refused_, "line").c_str());
  }
  if (failed_) return failed_as_;
  if (interrupted) {
    std::fprintf(stderr, "append: interrupted; %s appended\n",
                 counted(writer_.records_written(), "record").c_str());
    return ExitCode::temporary;
  }
  return refused_ > 0 ? ExitCode::data : ExitCode::ok;
}

/// The exit code for a file that cannot be opened: it is not fit for a buffer, the disk is full, or
/// we may not write it.
ExitCode exit_code_of(const Error& error) {
  if (error.kind() == ErrorKind::refused) return ExitCode::config;
  if (error.kind() == ErrorKind::no_space) return ExitCode::io;
  return ExitCode::cannot_open;
}

ExitCode say(const Error& error) {
  std::fprintf(stderr, "append: %s\n", error.message().c_str());
  return exit_code_of(error);
}

Result<std::unique_ptr<AppendWriter>> open_writer(const std::string& path, Format format) {
  if (auto created = PosixFile::create_if_missing(path, {}); !created) return created.error();
  return open_append_writer(path, format);
}

/// Reads once and takes all lines that end in it; false at the end of the input or after a failure.
bool pump(std::vector<char>& memory, LineSplitter& lines, Appending& appending) {
  const auto got = ::read(STDIN_FILENO, memory.data(), memory.size());
  if (got < 0 && (errno == EINTR || errno == EAGAIN)) return true;
  if (got < 0) return appending.fail(Error::from_errno(errno, "read standard input").message());
  if (got == 0) {
    if (const auto last = lines.finish()) appending.take(*last);
    return false;
  }
  lines.feed({memory.data(), static_cast<std::size_t>(got)});
  while (const auto line = lines.next()) {
    if (!appending.take(*line)) return false;
  }
  return true;
}

ExitCode append_stdin(AppendWriter& writer, const AppendOptions& options) {
  EndingSignals signals;
  Appending appending(writer, options, signals);
  LineSplitter lines(writer.record_bytes_max());
  std::vector<char> memory(256 * 1024);
  while (!signals.seen()) {
    // No input is there yet: lines that were taken must not wait for lines that may come much
    // later.
    if (!signals.readable(STDIN_FILENO, false) && !appending.settle()) break;
    if (signals.readable(STDIN_FILENO, true) && !pump(memory, lines, appending)) break;
  }
  appending.settle();
  if (signals.seen() && lines.unfinished_bytes() > 0) {
    std::fputs("append: the line begun when the interrupt came is not appended\n", stderr);
  }
  return appending.outcome(signals.seen());
}

}  // namespace

ExitCode command_append(const AppendOptions& options) {
  if (options.format == Format::lines && (options.key || !options.headers.empty())) {
    std::fputs("append: format lines has no place for a key or headers; --format frames has\n",
               stderr);
    return ExitCode::usage;
  }
  // The next file that is opened would get this number, and would be read instead.
  if (::fcntl(STDIN_FILENO, F_GETFD) < 0) {
    std::fputs("append: standard input is closed\n", stderr);
    return ExitCode::io;
  }
  auto writer = open_writer(options.path, options.format);
  if (!writer) return say(writer.error());
  return append_stdin(**writer, options);
}

}  // namespace punchline
