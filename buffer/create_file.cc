#include <cerrno>
#include <charconv>
#include <vector>

#include <fcntl.h>
#include <grp.h>
#include <sys/stat.h>
#include <unistd.h>

#include "buffer/posix_file.h"

namespace punchline {
namespace {

constexpr gid_t kKeepGroup = static_cast<gid_t>(-1);
constexpr uid_t kKeepOwner = static_cast<uid_t>(-1);

Result<gid_t> group_id(const std::string& group) {
  if (group.empty()) return kKeepGroup;
  gid_t number = 0;
  const auto* end = group.data() + group.size();
  if (auto parsed = std::from_chars(group.data(), end, number);
      parsed.ec == std::errc() && parsed.ptr == end) {
    return number;
  }
  struct group entry {};
  struct group* found = nullptr;
  std::vector<char> memory(1024);
  int code = 0;
  while ((code = ::getgrnam_r(group.c_str(), &entry, memory.data(), memory.size(), &found)) ==
         ERANGE) {
    memory.resize(memory.size() * 2);
  }
  if (code != 0) return Error::from_errno(code, "look up group " + group);
  if (found == nullptr) return Error(ErrorKind::refused, 0, "there is no group named " + group);
  return found->gr_gid;
}

/// The mode, owner and group that a new file gets.
struct Rights {
  mode_t mode;
  uid_t owner;
  gid_t group;
};

/// fchmod(2) comes last, since fchown(2) clears the set-id bits.
Status set_rights(const Descriptor& file, const Rights& rights) {
  const bool keeps = rights.owner == kKeepOwner && rights.group == kKeepGroup;
  if (!keeps && ::fchown(file.fd(), rights.owner, rights.group) < 0) {
    return file.error(errno, "set owner and group of");
  }
  if (::fchmod(file.fd(), rights.mode) < 0) return file.error(errno, "set the mode of");
  return file.sync_all();
}

/// Gives a nameless file its name (open(2), O_TMPFILE); false if the name is taken.
Result<bool> give_name(const Descriptor& file, const std::string& path) {
  const auto link = file.link();
  if (::linkat(AT_FDCWD, link.c_str(), AT_FDCWD, path.c_str(), AT_SYMLINK_FOLLOW) == 0) return true;
  if (errno == EEXIST) return false;
  return Error::from_errno(errno, "create " + path);
}

Result<bool> create_in_place(const std::string& path, const Rights& rights) {
  auto file = Descriptor::open(path, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW, 0600);
  if (!file && file.error().code() == EEXIST) return false;
  if (!file) return Error::from_errno(file.error().code(), "create " + path);
  if (auto set = set_rights(*file, rights); !set) return set.error();
  if (auto synced = file->sync_all(); !synced) return synced.error();
  return true;
}

// The file gets its name when its rights are set, so nobody ever opens it with other rights.
// Without O_TMPFILE or /proc it is created under its name, with mode 0600 at first.
Result<bool> create(const std::string& path, const Rights& rights) {
  auto file = Descriptor::open_nameless(folder_of(path));
  if (!file && file.error().kind() == ErrorKind::unsupported) return create_in_place(path, rights);
  if (!file) return Error::from_errno(file.error().code(), "create " + path);
  if (auto set = set_rights(*file, rights); !set) return set.error();
  auto named = give_name(*file, path);
  if (!named && named.error().kind() == ErrorKind::not_found) {
    return create_in_place(path, rights);  // no /proc to link from
  }
  if (!named || !*named) return named;
  if (auto synced = file->sync_all(); !synced) return synced.error();
  return true;
}

}  // namespace

Result<bool> PosixFile::create_if_missing(const std::string& path, const Creation& creation) {
  struct stat found {};
  if (::lstat(path.c_str(), &found) == 0) return false;
  auto group = group_id(creation.group);
  if (!group) return group.error();
  auto created = create(path, {creation.mode, creation.owner.value_or(kKeepOwner), *group});
  if (!created || !*created) return created;
  if (auto synced = sync_folder(folder_of(path)); !synced) return synced.error();
  return true;
}

}  // namespace punchline
