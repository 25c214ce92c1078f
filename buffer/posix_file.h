#pragma once

#include <memory>
#include <string>

#include <sys/types.h>

#include "buffer/buffer_file.h"
#include "buffer/descriptor.h"
#include "buffer/sparse_reader.h"

namespace punchline {

/// What a file's holder has to say before it is changed.
class ChangeGuard {
 public:
  virtual ~ChangeGuard() = default;
  /// `busy` where it is no longer ours to change.
  virtual Status may_change() const = 0;
  /// `busy` where a writer relies on its offsets; none begins to as long as what is returned lives.
  virtual Result<Descriptor> hold_offsets() const = 0;
};

/// BufferFile on the Linux kernel.
///
/// Life: create_if_missing(), open(), then whatever must happen before we are a writer ourselves
/// (lock, state and fence attributes, nobody_writes()), then open_for_writing(). Attributes and
/// syncs need no writing descriptor (fsetxattr(2) asks the inode's mode, not the descriptor's).
///
/// It holds the inode, not the name: deleted or renamed, everything goes on working. Not
/// thread-safe. Owns its descriptors; closing them releases nothing else's locks.
class PosixFile final : public BufferFile {
 public:
  /// Opens for reading only, never through a symbolic link at the end of `path`, never waiting
  /// (a FIFO, a device). `refused`, with the reason in the text: a symbolic link, not a regular
  /// file, append-only or immutable (chattr(1)), on NFS (no punch before 4.2, and O_APPEND is not
  /// atomic between clients), or somebody else's file in a sticky folder such as /tmp, where
  /// anybody may have put it. `not_found`, `denied`, `io` as they come.
  static Result<std::unique_ptr<PosixFile>> open(const std::string& path);

  struct Creation {
    mode_t mode = 0600;  ///< Exactly this; the umask takes nothing away.
    std::string group;   ///< Name or number; empty: what the folder gives.
    std::optional<uid_t> owner = std::nullopt;  ///< Nothing: us.
  };
  /// Makes an empty file unless the name is taken (false), and makes the name durable. The name
  /// appears only when mode and group are set, so no producer ever sees it half made (where the
  /// filesystem lacks O_TMPFILE it appears before). `refused`: no such group. Others: `denied`,
  /// `not_found` (no such folder), `no_space`, `io`.
  static Result<bool> create_if_missing(const std::string& path, const Creation& creation);

  /// For a file beside it: its mode and group, and its owner where we are root and may give it.
  Result<Creation> creation_alike() const;

  /// From here on punch() works, and nobody_writes() is false because of us. Harmless if repeated.
  Status open_for_writing();
  /// Takes that back, for a while.
  void stop_writing();

  /// Asked from now on before each change; outlives this, or is taken away by nullptr.
  void guard_with(const ChangeGuard* guard) { guard_ = guard; }

  /// Whether path() still leads to this file: false after a deletion or a rename, also if
  /// something else has the name now.
  Result<bool> same_file_as_path() const;

  /// For those who need an open of their own (lock, watch). Borrowed; opened for reading.
  const Descriptor& descriptor() const { return reading_; }

  const std::string& path() const override { return reading_.path(); }
  Result<std::size_t> read_at(Offset at, std::span<char> into) override;
  Result<FileFacts> facts() override;
  Result<std::optional<Offset>> next_data(Offset at) override;
  Result<Offset> next_hole(Offset at) override;
  /// `refused` before open_for_writing().
  Status punch(OffsetRange offsets) override;
  /// Through a descriptor of its own, since a start may have to do it before it is a writer.
  Status collapse(OffsetRange offsets) override;
  Result<std::uint64_t> free_bytes() override;
  /// Opens a descriptor of its own with O_APPEND the first time.
  Status append(std::span<const char> bytes) override;
  Result<std::optional<std::string>> attribute(std::string_view name) override;
  Status set_attribute(std::string_view name, std::string_view value) override;
  Status remove_attribute(std::string_view name) override;
  Status sync_data() override;
  Status sync_all() override;
  /// Whoever opens the file for writing in the microseconds in which we hold the lease waits for
  /// its release and makes the kernel send us a signal. By default that is SIGIO, which would kill
  /// the process (fcntl(2)); here it is SIGURG, which does nothing unless somebody handles it.
  /// Not the owner, and no CAP_LEASE: an error.
  Result<bool> nobody_writes() override;

 private:
  PosixFile(Descriptor reading, std::uint64_t block_bytes);

  Status may_change() const { return guard_ == nullptr ? Status() : guard_->may_change(); }

  const ChangeGuard* guard_ = nullptr;
  // All syncs go through reading_: an error of write-back is reported once per open (errseq_t),
  // to those that were open when it happened, and this one is open longest.
  Descriptor reading_;
  SparseReader reader_;
  Descriptor writing_;
  Descriptor appending_;
  std::uint64_t block_bytes_;
};

}  // namespace punchline
