#include "buffer/lock.h"

#include <array>
#include <cerrno>
#include <csignal>

#include <unistd.h>

#include "buffer/boot.h"
#include "buffer/host.h"

namespace punchline {
namespace {

/// True if the holder was a process of this machine that no longer exists.
bool is_gone(const LockHolder& holder) {
  return holder.host == host_name() && ::kill(holder.pid, 0) < 0 && errno == ESRCH;
}

std::optional<LockHolder> noted_holder(const PosixFile& file) {
  const auto text = file.descriptor().attribute(kHolderAttribute);
  return text && *text ? decode_holder(**text) : std::nullopt;
}

}  // namespace

Lock::~Lock() {
  // Removed while the lock is still held, so that it cannot be a successor's attribute.
  if (noted_ && may_change()) static_cast<void>(file_.remove_attribute(kHolderAttribute).ok());
}

Status Lock::may_change() const {
  if (!noted_) return {};
  const auto standing = file_.attribute(kHolderAttribute);
  if (!standing) return standing.error();
  return *standing == text_ ? Status() : lost();
}

Error Lock::lost() const {
  const auto standing = file_.attribute(kHolderAttribute);
  const auto other = standing && *standing ? decode_holder(**standing) : std::nullopt;
  return {ErrorKind::busy, 0,
          file_.path() + " was taken over by " + (other ? other->text() : "another process") +
              " while this one did not answer"};
}

// Without a lock file nothing is collapsed, except that a collapse which a crash interrupted is
// completed. While the intent for that is there, no writer takes anything back (P3).
Result<Descriptor> Lock::hold_offsets() const {
  return lock_file_ ? lock_file_->hold(LockFile::Byte::offsets) : Descriptor();
}

// A holder that is still the one that was there when the lock was granted was judged dead then. It
// is replaced.
Status Lock::note() {
  const auto standing = file_.attribute(kHolderAttribute);
  if (standing && *standing && **standing == dead_) {
    noted_ = file_.set_attribute(kHolderAttribute, text_).ok();
    return {};
  }
  const auto created = file_.create_attribute(kHolderAttribute, text_);
  noted_ = created && *created;
  return created && !*created ? lost() : Status();
}

Status Lock::look() {
  if (!noted_) return note();
  if (auto ours = may_change(); !ours) return ours;
  const auto ask = file_.attribute(kAskAttribute);
  if (!ask || !*ask) return {};
  return file_.remove_attribute(kAskAttribute);
}

// F_OFD_GETLK reports one lock only. The read lock of an older program can be hidden by another
// read lock. So the holder that such a program notes, one without a token, counts too.
bool Lock::is_held_by_older(const PosixFile& file) {
  const auto seen = file.descriptor().lock_on_byte(0);
  if (!seen || !*seen || (*seen)->is_for_writing) return false;
  if ((*seen)->is_of_that_byte) return true;
  const auto noted = noted_holder(file);
  return noted && noted->token.empty() && !is_gone(*noted);
}

bool Lock::is_held(const PosixFile& file) {
  if (is_held_by_older(file)) return true;
  const auto lock_file = LockFile::open_to_ask(file, LockFile::path_for(file.path()));
  if (lock_file && lock_file->is_locked(LockFile::Byte::agent)) return true;
  const auto noted = noted_holder(file);
  if (!noted || noted->token.empty() || noted->boot != boot_text()) return false;
  return !(lock_file && noted->lock == lock_file->identity()) && !is_gone(*noted);
}

std::optional<LockHolder> Lock::holder(const PosixFile& file) {
  if (!is_held(file)) return std::nullopt;
  auto noted = noted_holder(file);
  if (!noted || is_gone(*noted)) return std::nullopt;
  return noted;
}

}  // namespace punchline
