#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "buffer/posix_file.h"
#include "buffer/reserve.h"

namespace punchline {

/// A Reserve on the Linux kernel: the file `BUFFER.reserve`. Its blocks were never written. It has
/// the buffer's owner and group, if we may set them.
///
/// The file has a name, so that it is still there when an agent starts after the quota was
/// exhausted. A file of that name that holds data, is larger, or has a second name, is somebody
/// else's: it is refused, and never deleted. One reserve serves a buffer, its quarantine and the
/// files that it was renamed to.
class ReserveFile final : public Reserve {
 public:
  /// With two writers that took all space they could get, setting the front and one punch succeeded
  /// in each of 20 tries with 1 MiB, and in most of them with 128 KiB (btrfs, Linux 6.18).
  static constexpr std::uint64_t kBytes = 1 << 20;
  /// Less does not help.
  static constexpr std::uint64_t kBytesMin = kBytes / 4;

  /// Whether freeing blocks needs space on this filesystem: btrfs, XFS (near a quota, according to
  /// its source), and overlayfs, which can lie on them.
  static bool is_needed_on(std::string_view filesystem);

  /// "BUFFER.reserve"; a quarantine has that of its buffer.
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
