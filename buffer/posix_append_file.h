#pragma once

#include <memory>
#include <string>

#include "buffer/append_file.h"
#include "buffer/append_writer.h"
#include "buffer/descriptor.h"
#include "buffer/posix_file.h"

namespace punchline {

/// AppendFile on the Linux kernel.
class PosixAppendFile final : public AppendFile {
 public:
  /// Opens an existing buffer. Errors as PosixFile::open().
  static Result<std::unique_ptr<PosixAppendFile>> open(const std::string& path);

  PosixFile& file() override { return *file_; }
  Result<OffsetRange> append(std::string_view bytes) override;
  Status overwrite(Offset at, std::string_view bytes) override;
  Status sync() override { return appending_.sync_data(); }
  Result<bool> has_its_name() override { return file_->same_file_as_path(); }
  Result<std::unique_ptr<Hold>> hold_offsets(std::chrono::milliseconds patience) override;

 private:
  PosixAppendFile(std::unique_ptr<PosixFile> file, Descriptor appending, Descriptor in_place);

  std::unique_ptr<PosixFile> file_;
  Descriptor appending_;
  Descriptor in_place_;  // without O_APPEND, with which pwrite(2) would ignore its offset
};

/// AppendWriter::open() on the buffer at `path`.
Result<std::unique_ptr<AppendWriter>> open_append_writer(const std::string& path, Format format);

}  // namespace punchline
