#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace punchline::testing {

/// Filesystems of a test's own, on loop devices, in a mount namespace of its own.
///
/// Nobody else sees the mounts, and the kernel takes them down with the process, however it ends:
/// the images lie on a tmpfs inside the namespace and vanish with it. Needs root. The
/// thread that makes the object stays in the namespace, and so do threads and children that it
/// starts later.
class FsMounts {
 public:
  FsMounts();
  ~FsMounts();
  FsMounts(const FsMounts&) = delete;
  FsMounts& operator=(const FsMounts&) = delete;

  /// Makes a new, empty filesystem of `type` (ext4, xfs, btrfs or tmpfs). Returns the folder it is
  /// mounted on; "" if that is not possible here, and then why() says what is missing. xfs needs
  /// 300 MiB and btrfs 128 MiB; what is not written takes no memory. `options` are added to mkfs's
  /// (for tmpfs: mount's -o).
  std::string mount(const std::string& type, std::uint64_t bytes, const std::string& options = {});

  /// A subvolume of a new btrfs with a qgroup that holds `limit_bytes`; "" as above.
  std::string mount_qgroup(std::uint64_t limit_bytes);
  /// Sets another limit for such a subvolume.
  bool set_qgroup_limit(const std::string& folder, std::uint64_t limit_bytes);

  /// The folder `source` seen through bindfs(1), which has attributes and cannot punch; "" as
  /// above.
  std::string mount_bindfs(const std::string& source);

  /// Mounts the file `inner` on the file `name`, as a container may have it; false as above. It
  /// must be unmounted before the folder of `name` is.
  bool mount_file(const std::string& inner, const std::string& name);

  /// An overlay on a folder of ours, which should lie on ext4 or XFS; "" as above.
  std::string mount_overlay(const std::string& source);

  /// The folder `source` seen through mergerfs(1), a FUSE filesystem that passes everything on,
  /// fallocate(2) too, but knows no holes; "" as above.
  std::string mount_mergerfs(const std::string& source);

  /// The filesystem in the image or device file `image`, mounted with `options`; "" as above.
  /// unmount() gives it up again, and its loop device.
  std::string mount_image(const std::string& type, const std::string& image,
                          const std::string& options);
  bool unmount(const std::string& folder);

  /// Runs a shell command in the namespace. False if it fails; then its output is in why().
  bool sh(const std::string& command);
  /// A tmpfs of this object's own; "" if it could not be had.
  const std::string& base() const { return base_; }
  const std::string& why() const { return why_; }

 private:
  bool enter_namespace();
  std::string new_folder(std::string_view name);

  std::string base_;
  std::vector<std::string> mounted_;
  std::string why_;
};

/// Writes to `path` until no more than about `left` bytes of its filesystem are free. With 0 it
/// writes down to the last block.
void fill_up(const std::string& path, std::uint64_t left);

}  // namespace punchline::testing
