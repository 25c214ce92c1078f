#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <sys/types.h>

#include "buffer/base/result.h"
#include "buffer/lock_file.h"
#include "buffer/posix_file.h"

namespace punchline {

/// Names the attribute that says who works on the buffer: "host=web1 pid=123
/// since=2026-01-31T12:00:00Z boot=0123456789abcdef lock=8:1:42 token=fedcba9876543210".
inline constexpr std::string_view kHolderAttribute = "user.punchline.holder";
/// Set by a newcomer who cannot tell whether the holder lives; a holder that does removes it.
inline constexpr std::string_view kAskAttribute = "user.punchline.ask";

struct LockHolder {
  std::string host;
  pid_t pid = 0;
  std::string since;        ///< When it took the lock, UTC.
  std::string boot = {};    ///< fold_boot_id() of its boot, in hex.
  std::string lock = {};    ///< LockFile::identity(), or kNoLockFile; empty: of an older program.
  std::string token = {};   ///< Random; empty: of an older program.

  /// "pid 123 on web1 since 2026-01-31T12:00:00Z"
  std::string text() const;
  friend bool operator==(const LockHolder&, const LockHolder&) = default;
};
/// A holder that has no lock file. It never collapses.
inline constexpr std::string_view kNoLockFile = "none";

/// The right to be the one agent, or the one reader, of a buffer (buffer/FORMAT.md, "Who may work
/// on it").
///
/// A locked byte in the lock file, which ends with the process, and the holder attribute on the
/// inode, which those see who have another lock file: a container that shares the file alone. They
/// take the buffer over from a holder that does not answer for LockRequest::kSilenceMin, as when it
/// is stopped; so may_change() is to be asked before each change. Belongs to the inode, so renaming
/// the buffer takes it along. Neither moved nor copied; the thread that owns it calls it.
class Lock final : public ChangeGuard {
 public:
  Lock(const Lock&) = delete;
  Lock& operator=(const Lock&) = delete;
  /// Removes the holder attribute if it is still ours, then lets go.
  ~Lock() override;

  /// `busy` once another has taken the buffer over. One fgetxattr(2).
  Status may_change() const override;
  Result<Descriptor> hold_offsets() const override;

  /// Answers whoever asks, and is to be called each second. Errors as may_change().
  Status look();

  /// Why others may not see it, for a warning; nothing where all is well.
  const std::vector<std::string>& warnings() const { return warnings_; }
  /// Nobody can be writing over bytes that a collapse would move.
  bool allows_collapse() const { return lock_file_ && noted_ && !taken_over_; }

  /// Whether anybody holds it. Takes no lock.
  static bool is_held(const PosixFile& file);
  /// Who holds it, as far as can be believed: nothing if it is free, or if its holder left no name
  /// (an attribute may be left over from a process that was killed).
  static std::optional<LockHolder> holder(const PosixFile& file);
  /// A program that locks the buffer itself is at work on it (FORMAT.md, "Older programs").
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
  std::string dead_;  // the holder that stands there if not, since there was no room to replace it
  bool taken_over_ = false;  // from a holder that may only be stopped
  std::vector<std::string> warnings_;
};

/// Asks for the lock of a file until it is clear who gets it. No call waits.
class LockRequest {
 public:
  /// A holder that cannot be proved dead is taken for dead when it has not answered for so long.
  static constexpr std::chrono::milliseconds kSilenceMin{5'000};
  /// After which it is clear who of several newcomers stands in the attribute.
  static constexpr std::chrono::milliseconds kClaimMin{200};
  using Clock = std::chrono::steady_clock;

  explicit LockRequest(std::string lock_path) : lock_path_(std::move(lock_path)) {}

  /// `busy` if somebody has it, named in the text where that is known, or is_undecided(); `io`.
  Result<std::unique_ptr<Lock>> attempt(const PosixFile& file, Clock::time_point now);
  /// The last attempt() is to be repeated, in some 20 ms or a second.
  bool is_undecided() const { return undecided_; }
  /// Repeats attempt() until it is decided: mostly at once, else for some kSilenceMin.
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
  std::uint64_t inode_ = 0;  // what follows is about this file
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

/// Text of the attribute to a value and back; nothing if it does not parse.
std::string encode(const LockHolder& holder);
std::optional<LockHolder> decode_holder(std::string_view text);

}  // namespace punchline
