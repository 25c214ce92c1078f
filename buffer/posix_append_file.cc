#include "buffer/posix_append_file.h"

#include <utility>

#include <fcntl.h>

#include "buffer/lock_file.h"

namespace punchline {
namespace {

class LockHold final : public AppendFile::Hold {
 public:
  explicit LockHold(LockFile lock) : lock_(std::move(lock)) {}
  const std::string& lock_file() const override { return lock_.identity(); }

 private:
  LockFile lock_;
};

}  // namespace

PosixAppendFile::PosixAppendFile(std::unique_ptr<PosixFile> file, Descriptor appending,
                                 Descriptor in_place)
    : file_(std::move(file)), appending_(std::move(appending)), in_place_(std::move(in_place)) {}

Result<std::unique_ptr<PosixAppendFile>> PosixAppendFile::open(const std::string& path) {
  auto file = PosixFile::open(path);
  if (!file) return file.error();
  auto appending = (*file)->descriptor().reopen(O_WRONLY | O_APPEND);
  if (!appending) return appending.error();
  auto in_place = (*file)->descriptor().reopen(O_WRONLY);
  if (!in_place) return in_place.error();
  return std::unique_ptr<PosixAppendFile>(
      new PosixAppendFile(std::move(*file), std::move(*appending), std::move(*in_place)));
}

Result<OffsetRange> PosixAppendFile::append(std::string_view bytes) {
  const auto written = appending_.write_once(bytes);
  if (!written) return written.error();
  // O_APPEND sets the descriptor's position to the end of what this write has written. Nobody else
  // uses the descriptor, so the position is exact whatever others append meanwhile.
  const auto end = appending_.where();
  if (!end) return end.error();
  return OffsetRange{*end - *written, *end};
}

Status PosixAppendFile::overwrite(Offset at, std::string_view bytes) {
  return in_place_.write_at(at, bytes);
}

Result<std::unique_ptr<AppendFile::Hold>> PosixAppendFile::hold_offsets(
    std::chrono::milliseconds patience) {
  using Held = std::unique_ptr<Hold>;
  auto lock = LockFile::open(*file_, LockFile::path_for(file_->path()));
  if (!lock) return Held();
  const auto locked = lock->lock(LockFile::Byte::offsets, patience);
  if (locked) return Held(std::make_unique<LockHold>(std::move(*lock)));
  if (locked.error().kind() == ErrorKind::busy) return locked.error();
  return Held();
}

Result<std::unique_ptr<AppendWriter>> open_append_writer(const std::string& path, Format format) {
  auto file = PosixAppendFile::open(path);
  if (!file) return file.error();
  return AppendWriter::open(std::move(*file), format);
}

}  // namespace punchline
