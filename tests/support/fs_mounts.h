#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace punchline::testing {

/// Filesystems of a test's own, on loop devices, in a mount namespace of its own.
///
/// Nobody else sees the mounts, and the kernel takes them down with the process, however it ends:
/// the images lie on a tmpfs inside the namespace and vanish with it. Needs root. The calling
/// thread (and threads and children it starts later) is in the namespace from then on.
class FsMounts {
 public:
  FsMounts();
  ~FsMounts();
  FsMounts(const FsMounts&) = delete;
  FsMounts& operator=(const FsMounts&) = delete;

  /// A new, empty filesystem of `type` (ext4, xfs, btrfs or tmpfs): the folder it is mounted on,
  /// "" if that is not possible here; why() then says what is missing.
  /// xfs needs 300 MiB and btrfs 128 MiB; what is not written takes no memory.
  /// `options` are added to mkfs's (for tmpfs: mount's -o).
  std::string mount(const std::string& type, std::uint64_t bytes, const std::string& options = {});

  /// The folder `source` seen through bindfs(1), which has attributes and cannot punch; "" as
  /// above.
  std::string mount_bindfs(const std::string& source);

  /// An overlay on a folder of ours, which should lie on ext4 or XFS; "" as above.
  std::string mount_overlay(const std::string& source);

  /// The folder `source` seen through mergerfs(1), a FUSE filesystem that passes everything on,
  /// fallocate(2) too, but knows no holes; "" as above.
  std::string mount_mergerfs(const std::string& source);

  const std::string& why() const { return why_; }

 private:
  bool enter_namespace();
  bool sh(const std::string& command);
  std::string new_folder(std::string_view name);

  std::string base_;  // a tmpfs; "" if it could not be had
  std::vector<std::string> mounted_;
  std::string why_;
};

/// Writes to `path` until no more than about `left` bytes of its filesystem are free; with 0 down
/// to the last block.
void fill_up(const std::string& path, std::uint64_t left);

}  // namespace punchline::testing
