#include "buffer/lock_file.h"

#include <memory>

#include <fcntl.h>

#include "buffer/quarantine.h"

namespace punchline {
namespace {

std::string identity_of(const struct statx& facts) {
  return std::to_string(facts.stx_dev_major) + ":" + std::to_string(facts.stx_dev_minor) + ":" +
         std::to_string(facts.stx_ino);
}

}  // namespace

std::string LockFile::path_for(const std::string& buffer_path) {
  return quarantined_buffer_path(buffer_path).value_or(buffer_path) + ".agent";
}

Result<LockFile> LockFile::on(const PosixFile& buffer, const PosixFile& lock_file, int flags) {
  const auto inode = buffer.descriptor().facts();
  if (!inode) return inode.error();
  const auto facts = lock_file.descriptor().facts();
  if (!facts) return facts.error();
  auto opened = lock_file.descriptor().reopen(flags);
  if (!opened) return opened.error();
  return LockFile(std::move(*opened), identity_of(*facts), inode->stx_ino);
}

Result<LockFile> LockFile::open(const PosixFile& buffer, const std::string& path) {
  const auto alike = buffer.creation_alike();  // all who may write the buffer may lock here
  if (!alike) return alike.error();
  const auto made = PosixFile::create_if_missing(path, *alike);
  if (!made) return made.error();
  const auto found = PosixFile::open(path);
  if (!found) return found.error();
  return on(buffer, **found, O_RDWR);
}

Result<LockFile> LockFile::open_to_ask(const PosixFile& buffer, const std::string& path) {
  const auto found = PosixFile::open(path);
  if (!found) return found.error();
  return on(buffer, **found, O_RDONLY);
}

Result<Descriptor> LockFile::hold(Byte byte) const {
  auto own = file_.reopen(O_RDWR);
  if (!own) return own;
  if (const auto locked = own->try_lock_byte(offset_of(byte)); !locked) return locked.error();
  return own;
}

bool LockFile::is_locked(Byte byte) const {
  const auto seen = file_.lock_on_byte(offset_of(byte));
  return seen && seen->has_value();
}

// Two bytes for each inode number. The uppermost bits of the number have no place in an off_t.
std::uint64_t LockFile::offset_of(Byte byte) const {
  constexpr std::uint64_t kInodesMask = (1ULL << 61) - 1;
  return (inode_ & kInodesMask) * 2 + (byte == Byte::offsets ? 1 : 0);
}

}  // namespace punchline
