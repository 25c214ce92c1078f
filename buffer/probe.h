#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "buffer/base/result.h"
#include "buffer/descriptor.h"
#include "buffer/posix_file.h"

namespace punchline {

/// One thing a filesystem can or cannot do, with a sentence for an operator.
struct Capability {
  enum class Answer : std::uint8_t {
    no,
    yes,
    unknown,  ///< Could not be tried, mostly for want of space; the sentence says why.
  };
  Answer answer = Answer::unknown;
  std::string sentence;

  bool works() const { return answer == Answer::yes; }
  bool missing() const { return answer == Answer::no; }
};

/// What a filesystem can do for a buffer.
struct ProbeReport {
  std::string filesystem;  ///< "ext4", "xfs", "btrfs", "tmpfs", ...; "type 0x..." if unknown.
  std::uint64_t block_bytes = 0;  ///< statfs(2) f_bsize.
  std::uint64_t free_bytes = 0;   ///< For us, without what is reserved for root.
  Capability punch;               ///< PUNCH_HOLE zeroes, keeps the size and gives the blocks back.
  Capability holes;               ///< SEEK_DATA and SEEK_HOLE tell holes; `no`: everything is read.
  Capability collapse;            ///< COLLAPSE_RANGE; `no`: the logical size only grows.
  Capability attributes;  ///< user.* attributes; `no`: the in-band rule alone, see FORMAT.md.
  /// What is appended to a file of a few bytes stays; `no`: ext4 keeps such a file in its inode
  /// (mke2fs -O inline_data), where Linux (6.18) loses appends while somebody reads.
  Capability appends{Capability::Answer::yes, "are kept"};
  std::uint64_t collapse_unit_bytes = 0;  ///< Ranges are multiples of this; 0 without collapse.
};

/// Tries everything on a temporary file in `folder`, which has no name (O_TMPFILE) or loses it at
/// once. Writes up to 512 KiB. A full disk is no failure: it leaves answers `unknown`.
/// Errors: that no file can be had there: `not_found`, `denied`, `no_space`, `io`.
Result<ProbeReport> probe_folder(const std::string& folder);

/// Asks the file itself, for where a temporary file would lie elsewhere or cannot be had. What is
/// in it, its size and its blocks stay as they are: it is punched and collapsed far behind its end,
/// where that does nothing but say whether it can be done (ext4, XFS, btrfs, tmpfs, overlayfs,
/// bindfs, mergerfs on Linux 6.18); its times may move. Whether a FUSE filesystem that takes the
/// call gives blocks back is not seen. Errors: as for opening it for writing.
Result<ProbeReport> probe_file(const PosixFile& file);

/// Whether it is mounted alone, as a container's file may be: its folder is of another mount, and
/// may be of another filesystem. In doubt false.
bool is_mounted_alone(const PosixFile& file);

/// The filesystem of the folder, where that forgets with the machine or the container what is put
/// beside a file that is mounted alone (tmpfs, ramfs, overlayfs), and the file's own does not.
std::optional<std::string> forgetful_folder(const PosixFile& file);

/// The name of a filesystem by its statfs(2) f_type.
std::string filesystem_name(std::uint64_t type);

}  // namespace punchline
