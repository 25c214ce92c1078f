#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "buffer/base/result.h"
#include "buffer/descriptor.h"
#include "buffer/posix_file.h"

namespace punchline {

/// One thing that a filesystem can or cannot do, with a sentence for an operator.
struct Capability {
  enum class Answer : std::uint8_t {
    no,
    yes,
    unknown,  ///< It could not be tried, mostly for lack of space; the sentence says why.
  };
  Answer answer = Answer::unknown;
  std::string sentence;

  bool works() const { return answer == Answer::yes; }
  bool missing() const { return answer == Answer::no; }
};

/// The abilities of a filesystem that matter for a buffer.
struct ProbeReport {
  std::string filesystem;  ///< "ext4", "xfs", "btrfs", "tmpfs", ...; "type 0x..." if unknown.
  std::uint64_t block_bytes = 0;  ///< statfs(2) f_bsize.
  std::uint64_t free_bytes = 0;   ///< For us, without the blocks reserved for root.
  Capability punch;               ///< PUNCH_HOLE zeroes, keeps the size and gives the blocks back.
  Capability holes;               ///< SEEK_DATA and SEEK_HOLE find holes; `no`: everything is read.
  Capability collapse;            ///< COLLAPSE_RANGE; `no`: the logical size only grows.
  Capability attributes;  ///< user.* attributes; `no`: the in-band rule alone, see FORMAT.md.
  /// Bytes appended to a file of a few bytes are kept. `no`: this ext4 keeps such a file in its
  /// inode (mke2fs -O inline_data), where Linux (6.18) loses appends while somebody reads.
  Capability appends{Capability::Answer::yes, "are kept"};
  std::uint64_t collapse_unit_bytes = 0;  ///< Ranges are multiples of this; 0: no collapse.
};

/// Tries everything on a temporary file in `folder`. The file has no name (O_TMPFILE) or loses it
/// at once. Writes up to 512 KiB. A full disk is no failure: it leaves answers `unknown`.
/// Errors, if no file can be made there: `not_found`, `denied`, `no_space`, `io`.
Result<ProbeReport> probe_folder(const std::string& folder);

/// Tries the buffer file itself, for cases in which a temporary file would be on another filesystem
/// or cannot be made. The file's contents, size and blocks stay as they are: it is punched and
/// collapsed far beyond its end, which has no effect but shows whether it can be done (ext4, XFS,
/// btrfs, tmpfs, overlayfs, bindfs, mergerfs on Linux 6.18). The file's times may change. This does
/// not show whether a FUSE filesystem that accepts the call gives blocks back. Errors as for
/// opening it for writing.
Result<ProbeReport> probe_file(const PosixFile& file);

/// Whether the file is mounted alone, as a container's file can be: its folder belongs to another
/// mount, and perhaps to another filesystem. False if in doubt.
bool is_mounted_alone(const PosixFile& file);

/// For a file that is mounted alone: the name of its folder's filesystem, if that loses the files
/// beside it together with the machine or the container (tmpfs, ramfs, overlayfs) and the file's
/// own filesystem does not. Otherwise empty.
std::optional<std::string> forgetful_folder(const PosixFile& file);

/// The name of a filesystem by its statfs(2) f_type.
std::string filesystem_name(std::uint64_t type);

}  // namespace punchline
