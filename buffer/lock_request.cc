// How a newcomer gets the lock of a buffer (FORMAT.md, "Who may work on it").

#include <cerrno>
#include <thread>

#include <fcntl.h>
#include <unistd.h>

#include "buffer/host.h"
#include "buffer/lock.h"

namespace punchline {

void LockRequest::begin(std::uint64_t inode) {
  *this = LockRequest(std::move(lock_path_));
  inode_ = inode;
}

Error LockRequest::busy(const PosixFile& file, bool undecided) {
  if (!undecided) begin(inode_);
  undecided_ = undecided;
  const auto text = file.descriptor().attribute(kHolderAttribute);
  const auto who = text && *text ? decode_holder(**text) : std::nullopt;
  return {ErrorKind::busy, 0,
          file.path() + " is locked by " + (who ? who->text() : "another process") +
              (undecided ? ", which is asked whether it is still there" : "")};
}

Result<std::unique_ptr<Lock>> LockRequest::attempt(const PosixFile& file, Clock::time_point now) {
  const auto facts = file.descriptor().facts();
  if (!facts) return facts.error();
  // The name may lead to another file by now. Then the request begins anew.
  if (inode_ != facts->stx_ino) begin(facts->stx_ino);
  undecided_ = false;
  if (Lock::is_held_by_older(file)) return busy(file, false);
  if (text_.empty() && !take_byte(file)) return busy(file, false);
  const auto found = look_at_holder(file, now);
  if (!found) {
    if (found.error().kind() != ErrorKind::unsupported) return found.error();
    return grant(file, false, found.error().message());
  }
  return claim(file, *found, now);
}

/// Locks the agent's byte. False if another process has it. True also if there is no lock file to
/// be had.
bool LockRequest::take_byte(const PosixFile& file) {
  auto opened = LockFile::open(file, lock_path_);
  const auto locked = opened ? opened->try_lock(LockFile::Byte::agent) : opened.error();
  if (opened && !locked && locked.error().kind() == ErrorKind::busy) return false;
  if (locked) {
    lock_file_.emplace(std::move(*opened));
  } else {
    no_lock_file_ = locked.error().message();
  }
  const std::string lock = lock_file_ ? lock_file_->identity() : std::string(kNoLockFile);
  text_ = encode({host_name(), ::getpid(), now_utc(), boot_text(), lock, random_token()});
  return true;
}

Result<LockRequest::Found> LockRequest::look_at_holder(const PosixFile& file,
                                                       Clock::time_point now) {
  const auto standing = file.descriptor().attribute(kHolderAttribute);
  if (!standing) return standing.error();
  if (!*standing) return Found::nobody;
  if (**standing == text_) return Found::us;
  claimed_at_.reset();
  const auto holder = decode_holder(**standing);
  // Noted by an older program, whose own lock would have been seen, or not legible.
  if (!holder || holder->token.empty()) return Found::maybe_dead;
  // The holder had the very byte that the kernel has now locked for us (W3).
  if (lock_file_ && holder->lock == lock_file_->identity()) return Found::dead;
  if (holder->boot != boot_text()) return Found::maybe_dead;
  return challenge(file.descriptor(), **standing, now);
}

// W5. A question that stays unanswered for so long proves the silence, whoever asked it.
Result<LockRequest::Found> LockRequest::challenge(const Descriptor& file,
                                                  const std::string& holder,
                                                  Clock::time_point now) {
  const auto ask = file.attribute(kAskAttribute);
  if (!ask) return Found::alive;
  const bool same = challenged_ == holder;
  challenged_ = holder;
  if (same && !*ask) {
    challenged_.clear();
    return Found::alive;
  }
  if (same && **ask == ask_) return now < asked_at_ + kSilenceMin ? Found::unknown : Found::silent;
  asked_at_ = now;
  ask_ = *ask ? **ask : text_;
  const auto asked = *ask ? Status() : file.set_attribute(kAskAttribute, ask_);
  if (asked) return Found::unknown;
  challenged_.clear();
  if (asked.error().code() == EROFS) return asked.error();  // nobody can work on it
  return Found::alive;                                      // for all we know
}

// A holder that is not alive is replaced by ours. Only for one that is certainly dead (W3) is the
// lock granted at once. Otherwise ours must still be there after kClaimMin, since another newcomer
// may have done the same (W4, W5).
Result<std::unique_ptr<Lock>> LockRequest::claim(const PosixFile& file, Found found,
                                                 Clock::time_point now) {
  const auto& attributes = file.descriptor();
  switch (found) {
    case Found::alive:
      return busy(file, false);
    case Found::unknown:
      return busy(file, true);
    case Found::us:
      if (claimed_at_ && now < *claimed_at_ + kClaimMin) return busy(file, true);
      return grant(file, true, "");
    case Found::nobody: {
      const auto created = attributes.create_attribute(kHolderAttribute, text_);
      if (!created) return grant(file, false, created.error().message());
      return *created ? grant(file, true, "") : busy(file, true);
    }
    case Found::dead:
    case Found::maybe_dead:
    case Found::silent:
      break;
  }
  if (const auto set = attributes.set_attribute(kHolderAttribute, text_); !set) {
    // The dead holder's note means nothing, and those who see another lock file would believe it.
    (void)attributes.remove_attribute(kHolderAttribute);
    return grant(file, false, set.error().message());
  }
  (void)attributes.remove_attribute(kAskAttribute);
  if (found == Found::dead) return grant(file, true, "");
  silent_ = silent_ || found == Found::silent;
  claimed_at_ = now;
  return busy(file, true);
}

Result<std::unique_ptr<Lock>> LockRequest::grant(const PosixFile& file, bool noted,
                                                 std::string warning) {
  auto own = file.descriptor().reopen(O_RDONLY);
  if (!own) return own.error();
  std::unique_ptr<Lock> lock(new Lock(std::move(*own), text_));
  lock->noted_ = noted;
  lock->taken_over_ = silent_;
  if (!no_lock_file_.empty()) {
    lock->warnings_.push_back("no lock file, so it is never collapsed: " + no_lock_file_);
  }
  if (!noted) {
    const auto dead = file.descriptor().attribute(kHolderAttribute);
    if (dead && *dead) lock->dead_ = **dead;
    lock->warnings_.push_back("the holder of the lock could not be noted: " + std::move(warning));
  }
  lock->lock_file_ = std::move(lock_file_);
  begin(inode_);
  return lock;
}

Result<std::unique_ptr<Lock>> LockRequest::wait(const PosixFile& file) {
  constexpr std::chrono::milliseconds kPause(20);
  const auto until = Clock::now() + 3 * kSilenceMin;  // others come and go
  for (;;) {
    auto lock = attempt(file, Clock::now());
    if (!undecided_ || Clock::now() >= until) return lock;
    std::this_thread::sleep_for(kPause);
  }
}

}  // namespace punchline
