#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "buffer/base/result.h"
#include "buffer/lock_file.h"
#include "buffer/lock_holder.h"
#include "buffer/posix_file.h"

namespace punchline {

/// The right to be the one agent, or the one reader, of a buffer (buffer/FORMAT.md, "Who may work
/// on it").
///
/// It consists of two parts: a locked byte in the lock file, which the kernel unlocks when the
/// process ends, and the holder attribute on the inode. The attribute is for processes that have
/// another lock file, such as those of a container that shares only the buffer file. Such a process
/// takes the buffer over from a holder that has not answered for LockRequest::kSilenceMin, for
/// example because it is stopped. So ask may_change() before each change. The lock belongs to the
/// inode: it stays with a buffer that is renamed. Neither moved nor copied; only the thread that
/// owns it calls it.
class Lock final : public ChangeGuard {
 public:
  Lock(const Lock&) = delete;
  Lock& operator=(const Lock&) = delete;
  /// Removes the holder attribute if it is still ours, then unlocks the byte.
  ~Lock() override;

  /// `busy` once another process has taken the buffer over. Costs one fgetxattr(2).
  Status may_change() const override;
  Result<Descriptor> hold_offsets() const override;

  /// Answers a newcomer that asks whether we are alive. Call it each second. Errors as for
  /// may_change().
  Status look();

  /// Why other processes may not see the lock, as warnings; empty if all is well.
  const std::vector<std::string>& warnings() const { return warnings_; }
  /// Whether it is certain that nobody writes over bytes that a collapse would move.
  bool allows_collapse() const { return lock_file_ && noted_ && !taken_over_; }

  /// Whether anybody holds the lock of `file`. Takes no lock.
  static bool is_held(const PosixFile& file);
  /// The holder, if the attribute can be believed. Empty if the lock is free, or if the holder left
  /// no name (the attribute can be left over from a process that was killed).
  static std::optional<LockHolder> holder(const PosixFile& file);
  /// Whether a program that locks the buffer itself is at work on it (FORMAT.md, "Older programs").
  static bool is_held_by_older(const PosixFile& file);

 private:
  friend class LockRequest;
  Error lost() const;
  Status note();
  Lock(Descriptor file, std::string text) : file_(std::move(file)), text_(std::move(text)) {}

  Descriptor file_;  // open for reading only: a writing one would make nobody_writes() false
  std::string text_;
  std::string lock_path_;
  std::optional<LockFile> lock_file_;
  bool noted_ = false;
  std::string dead_;  // if not noted: a dead holder that there was no room to replace
  bool taken_over_ = false;  // from a holder that may only be stopped
  std::vector<std::string> warnings_;
};

/// Asks for the lock of a file until it is clear who gets it. Only wait() blocks.
class LockRequest {
 public:
  /// A holder that cannot be proved dead counts as dead when it has not answered for this long.
  static constexpr std::chrono::milliseconds kSilenceMin{5'000};
  /// After this long it is clear which of several newcomers is in the attribute.
  static constexpr std::chrono::milliseconds kClaimMin{200};
  using Clock = std::chrono::steady_clock;

  explicit LockRequest(std::string lock_path) : lock_path_(std::move(lock_path)) {}

  /// Tries to get the lock, without blocking. Errors: `busy` if another process has it (named in
  /// the text if known) or if is_undecided(); `io`.
  Result<std::unique_ptr<Lock>> attempt(const PosixFile& file, Clock::time_point now);
  /// Whether the last attempt() has to be repeated, after 20 ms to a second.
  bool is_undecided() const { return undecided_; }
  /// Repeats attempt() until it is decided. Mostly that is at once, otherwise after about
  /// kSilenceMin.
  Result<std::unique_ptr<Lock>> wait(const PosixFile& file);

 private:
  enum class Found : std::uint8_t { nobody, us, dead, maybe_dead, silent, alive, unknown };
  Result<Found> look_at_holder(const PosixFile& file, Clock::time_point now);
  Result<Found> challenge(const Descriptor& file, const std::string& holder,
                          Clock::time_point now);
  Result<std::unique_ptr<Lock>> claim(const PosixFile& file, Found found, Clock::time_point now);
  Result<std::unique_ptr<Lock>> grant(const PosixFile& file, bool noted, std::string warning);
  Error busy(const PosixFile& file, bool undecided);
  bool take_byte(const PosixFile& file);
  void begin(std::uint64_t inode);

  std::string lock_path_;
  std::uint64_t inode_ = 0;  // the file that the members below are about
  std::optional<LockFile> lock_file_;
  std::string no_lock_file_;  // why there is none
  std::string text_;          // of the holder that we want to be
  std::string challenged_;    // the holder that was asked ...
  std::string ask_;           // ... by this ...
  Clock::time_point asked_at_{};
  std::optional<Clock::time_point> claimed_at_;
  bool silent_ = false;
  bool undecided_ = false;
};


}  // namespace punchline
