#include "buffer/lock.h"

#include <array>
#include <cerrno>
#include <charconv>
#include <csignal>
#include <ctime>
#include <sstream>

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

namespace punchline {
namespace {

std::string host_name() {
  std::array<char, 256> name{};
  if (::gethostname(name.data(), name.size() - 1) < 0) return "unknown";
  return name.data();
}

std::string now_utc() {
  const auto now = std::time(nullptr);
  std::tm parts{};
  ::gmtime_r(&now, &parts);
  std::array<char, 32> text{};
  std::strftime(text.data(), text.size(), "%Y-%m-%dT%H:%M:%SZ", &parts);
  return text.data();
}

/// A process of this machine that is no longer there cannot be the holder.
bool is_gone(const LockHolder& holder) {
  return holder.host == host_name() && ::kill(holder.pid, 0) < 0 && errno == ESRCH;
}

/// The first byte alone: writers that append first lock another one (AppendWriter).
struct flock first_byte(short type) {
  struct flock range {};
  range.l_len = 1;
  range.l_type = type;
  range.l_whence = SEEK_SET;
  return range;
}

}  // namespace

std::string LockHolder::text() const {
  return "pid " + std::to_string(pid) + " on " + host + " since " + since;
}

std::string encode(const LockHolder& holder) {
  return "host=" + holder.host + " pid=" + std::to_string(holder.pid) + " since=" + holder.since;
}

std::optional<LockHolder> decode_holder(std::string_view text) {
  LockHolder holder;
  std::istringstream words{std::string(text)};
  for (std::string word; words >> word;) {
    const auto equals = word.find('=');
    if (equals == std::string::npos) continue;
    const auto key = word.substr(0, equals);
    const auto value = word.substr(equals + 1);
    if (key == "host") holder.host = value;
    if (key == "pid") std::from_chars(value.data(), value.data() + value.size(), holder.pid);
    if (key == "since") holder.since = value;
  }
  if (holder.host.empty() || holder.pid <= 0) return std::nullopt;
  return holder;
}

Lock::~Lock() {
  // While the lock is still ours, so that it cannot be a successor's attribute that goes.
  if (held_.valid() && noted_) static_cast<void>(held_.remove_attribute(kHolderAttribute).ok());
}

Result<Lock> Lock::acquire(const PosixFile& file) {
  auto own = file.descriptor().reopen(O_RDONLY);
  if (!own) return own.error();
  if (::flock(own->fd(), LOCK_EX | LOCK_NB) < 0) {
    if (errno != EWOULDBLOCK) return own->error(errno, "lock");
    const auto who = holder(file);
    return Error(ErrorKind::busy, 0,
                 file.path() + " is locked by " + (who ? who->text() : "another process"));
  }
  // Only makes the lock visible to is_held(); without it the lock holds all the same.
  auto visible = first_byte(F_RDLCK);
  static_cast<void>(::fcntl(own->fd(), F_OFD_SETLK, &visible));
  return Lock(std::move(*own));
}

Status Lock::note_holder() {
  auto written =
      held_.set_attribute(kHolderAttribute, encode({host_name(), ::getpid(), now_utc()}));
  noted_ = written.ok();
  return written;
}

Result<bool> Lock::is_held(const PosixFile& file) {
  auto asked = first_byte(F_WRLCK);
  if (::fcntl(file.descriptor().fd(), F_OFD_GETLK, &asked) == 0) return asked.l_type != F_UNLCK;
  if (errno == EINVAL) return false;
  return file.descriptor().error(errno, "ask for the lock of");
}

std::optional<LockHolder> Lock::holder(const PosixFile& file) {
  const auto held = is_held(file);
  if (!held || !*held) return std::nullopt;
  const auto text = file.descriptor().attribute(kHolderAttribute);
  if (!text || !*text) return std::nullopt;
  auto holder = decode_holder(**text);
  if (!holder || is_gone(*holder)) return std::nullopt;
  return holder;
}

}  // namespace punchline
