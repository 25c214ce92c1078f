#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "buffer/posix_file.h"
#include "buffer/reserve.h"

namespace punchline {

/// A Reserve on the Linux kernel: `BUFFER.reserve`, blocks that were never written, of the buffer's
/// owner and group as far as we may set them.
///
/// It has a name, so that it is still there at a start after the quota has been filled. A file of
/// that name with data in it, a larger one, or one with a second name, is somebody else's: it is
/// refused, and never deleted. One serves a buffer, its quarantine and the files that it was
/// renamed to.
class ReserveFile final : public Reserve {
 public:
  /// Under two writers that take what they get, setting the front and one punch went through in
  /// each of 20 tries with 1 MiB, in most of them with 128 KiB (btrfs, Linux 6.18).
  static constexpr std::uint64_t kBytes = 1 << 20;
  /// Less is no help.
  static constexpr std::uint64_t kBytesMin = kBytes / 4;

  /// Whether blocks are freed there only where there is room: btrfs, XFS (as its source says, near
  /// a quota), and overlayfs, which may lie on them.
  static bool is_needed_on(std::string_view filesystem);

  /// "BUFFER.reserve"; of a quarantine that of its buffer.
  static std::string path_for(const std::string& buffer_path);

  ReserveFile(std::string path, PosixFile::Creation creation)
      : path_(std::move(path)), creation_(std::move(creation)) {}

  Status take() override;
  bool give_up() override;

 private:
  Result<std::unique_ptr<PosixFile>> open_ours() const;

  std::string path_;
  PosixFile::Creation creation_;
};

}  // namespace punchline
