#pragma once

#include <memory>
#include <string>

#include <sys/types.h>

#include "buffer/buffer_file.h"
#include "buffer/descriptor.h"
#include "buffer/sparse_reader.h"

namespace punchline {

/// Asked by a PosixFile before it changes the file. Lock implements it.
class ChangeGuard {
 public:
  virtual ~ChangeGuard() = default;
  /// `busy` if the file is no longer ours to change.
  virtual Status may_change() const = 0;
  /// `busy` if a writer relies on its offsets. No writer begins to while the returned descriptor is
  /// open.
  virtual Result<Descriptor> hold_offsets() const = 0;
};

/// BufferFile on the Linux kernel.
///
/// Order of calls: create_if_missing(), open(), then everything that must happen before we are a
/// writer ourselves (lock, state and fence attributes, nobody_writes()), then open_for_writing().
/// Attributes and syncs need no writing descriptor (fsetxattr(2) checks the inode's mode, not the
/// descriptor's).
///
/// It holds the inode, not the name: if the file is deleted or renamed, everything goes on working.
/// Not thread-safe. Owns its descriptors; closing them releases no lock of others.
class PosixFile final : public BufferFile {
 public:
  /// Opens for reading only. Does not follow a symbolic link at the end of `path`, and never waits
  /// (for a FIFO, a device). `refused`, with the reason in the text: a symbolic link; not a regular
  /// file; append-only or immutable (chattr(1)); on NFS (no punch before 4.2, and O_APPEND is not
  /// atomic between clients); or somebody else's file in a sticky folder such as /tmp, where
  /// anybody may have put it. `not_found`, `denied`, `io` as they come.
  static Result<std::unique_ptr<PosixFile>> open(const std::string& path);

  struct Creation {
    mode_t mode = 0600;  ///< Exactly this; the umask takes nothing away.
    std::string group;   ///< Name or number; empty: the group that the folder gives.
    std::optional<uid_t> owner = std::nullopt;  ///< Empty: us.
  };
  /// Makes an empty file and makes its name durable; false if the name is taken. The name appears
  /// only once mode and group are set, so no producer ever sees the file half made. (On a
  /// filesystem without O_TMPFILE it appears before.) `refused`: no such group. Other errors:
  /// `denied`, `not_found` (no such folder), `no_space`, `io`.
  static Result<bool> create_if_missing(const std::string& path, const Creation& creation);

  /// How to make a file beside this one: with its mode and group, and with its owner if we are root
  /// and may give files away.
  Result<Creation> creation_alike() const;

  /// From then on punch() works, and nobody_writes() is false because of us. Harmless if repeated.
  Status open_for_writing();
  /// Undoes open_for_writing(), until that is called again.
  void stop_writing();

  /// From then on asks `guard` before each change. It must outlive this object or be replaced by
  /// nullptr.
  void guard_with(const ChangeGuard* guard) { guard_ = guard; }

  /// Whether path() still leads to this file. False after a deletion or a rename, even if another
  /// file has the name now.
  Result<bool> same_file_as_path() const;

  /// For code that needs a descriptor of its own (lock, watch). Borrowed; opened for reading.
  const Descriptor& descriptor() const { return reading_; }

  const std::string& path() const override { return reading_.path(); }
  Result<std::size_t> read_at(Offset at, std::span<char> into) override;
  Result<FileFacts> facts() override;
  Result<std::optional<Offset>> next_data(Offset at) override;
  Result<Offset> next_hole(Offset at) override;
  /// `refused` before open_for_writing().
  Status punch(OffsetRange offsets) override;
  /// Uses a descriptor of its own, since a start can have to collapse before it is a writer.
  Status collapse(OffsetRange offsets) override;
  Result<std::uint64_t> free_bytes() override;
  /// Opens a descriptor of its own with O_APPEND on the first call.
  Status append(std::span<const char> bytes) override;
  Result<std::optional<std::string>> attribute(std::string_view name) override;
  Status set_attribute(std::string_view name, std::string_view value) override;
  Status remove_attribute(std::string_view name) override;
  Status sync_data() override;
  Status sync_all() override;
  /// A process that opens the file for writing in the microseconds in which we hold the lease waits
  /// for its release, and the kernel sends us a signal. By default that is SIGIO, which would kill
  /// the process (fcntl(2)). Here it is SIGURG, which does nothing unless it is handled. An error
  /// if we are not the owner and have no CAP_LEASE.
  Result<bool> nobody_writes() override;

 private:
  PosixFile(Descriptor reading, std::uint64_t block_bytes);

  Status may_change() const { return guard_ == nullptr ? Status() : guard_->may_change(); }

  const ChangeGuard* guard_ = nullptr;
  // All syncs go through reading_. A write-back error is reported once for each open descriptor
  // (errseq_t) that was open when it happened, and this one is open the longest.
  Descriptor reading_;
  SparseReader reader_;
  Descriptor writing_;
  Descriptor appending_;
  std::uint64_t block_bytes_;
};

}  // namespace punchline
