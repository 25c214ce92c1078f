#include "buffer/change_watch.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>

#include <sys/inotify.h>
#include <unistd.h>

namespace punchline {
namespace {

constexpr std::uint32_t kFileEvents = IN_MODIFY;
constexpr std::uint32_t kFolderEvents =
    IN_CREATE | IN_MOVED_TO | IN_MOVED_FROM | IN_DELETE | IN_ONLYDIR;

std::string name_in_folder(const std::string& path) {
  const auto slash = path.find_last_of('/');
  return slash == std::string::npos ? path : path.substr(slash + 1);
}

}  // namespace

ChangeWatch::ChangeWatch() {
  const int fd = ::inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
  if (fd < 0) {
    failure_ = Error::from_errno(errno, "inotify cannot be had");
  } else {
    events_ = Descriptor(fd, "inotify");
  }
}

Result<int> ChangeWatch::watch(const std::string& path, std::uint32_t events) {
  const int descriptor = ::inotify_add_watch(events_.fd(), path.c_str(), events);
  if (descriptor < 0) return Error::from_errno(errno, "watch " + path);
  return descriptor;
}

Status ChangeWatch::add_name(Id id, const std::string& path) {
  if (!available()) return {};
  auto descriptor = watch(folder_of(path), kFolderEvents);
  if (!descriptor) return descriptor.error();
  names_.push_back({id, *descriptor, name_in_folder(path)});
  return {};
}

Status ChangeWatch::add_file(Id id, const PosixFile& file) {
  if (!available()) return {};
  auto descriptor = watch(file.descriptor().link(), kFileEvents);
  if (!descriptor) descriptor = watch(file.path(), kFileEvents);  // no /proc
  if (!descriptor) return descriptor.error();
  files_.push_back({id, *descriptor});
  return {};
}

void ChangeWatch::remove(Id id) {
  std::vector<int> descriptors;
  for (const auto& name : names_) {
    if (name.id == id) descriptors.push_back(name.folder);
  }
  for (const auto& file : files_) {
    if (file.id == id) descriptors.push_back(file.inode);
  }
  std::erase_if(names_, [id](const Name& name) { return name.id == id; });
  std::erase_if(files_, [id](const File& file) { return file.id == id; });
  for (const int descriptor : descriptors) {
    drop_if_unused(descriptor);
  }
}

void ChangeWatch::drop_if_unused(int descriptor) {
  const bool used = std::any_of(names_.begin(), names_.end(),
                                [=](const Name& name) { return name.folder == descriptor; }) ||
                    std::any_of(files_.begin(), files_.end(),
                                [=](const File& file) { return file.inode == descriptor; });
  if (!used) ::inotify_rm_watch(events_.fd(), descriptor);
}

Result<std::vector<ChangeWatch::Id>> ChangeWatch::drain() {
  std::vector<Id> changed;
  if (!available()) return changed;
  alignas(inotify_event) std::array<char, 16 * 1024> memory;
  for (;;) {
    const auto got = ::read(events_.fd(), memory.data(), memory.size());
    if (got < 0 && errno == EINTR) continue;
    if (got < 0 && errno != EAGAIN) return events_.error(errno, "read");
    if (got <= 0) break;
    const char* at = memory.data();
    while (at < memory.data() + got) {
      inotify_event event{};
      std::memcpy(&event, at, sizeof event);
      match(event.wd, event.mask, event.len > 0 ? at + sizeof event : "", changed);
      at += sizeof event + event.len;
    }
  }
  std::sort(changed.begin(), changed.end());
  changed.erase(std::unique(changed.begin(), changed.end()), changed.end());
  return changed;
}

void ChangeWatch::match(int descriptor, std::uint32_t events, const char* name,
                        std::vector<Id>& changed) {
  if ((events & IN_Q_OVERFLOW) != 0) {
    names_changed_ = true;
    return match_all(changed);
  }
  for (const auto& watched : names_) {
    if (watched.folder != descriptor) continue;
    // IN_IGNORED: the folder is gone, and with it the watch. The timer has to notice the rest.
    if ((events & IN_IGNORED) == 0 && watched.name != name) continue;
    changed.push_back(watched.id);
    names_changed_ = true;
  }
  for (const auto& watched : files_) {
    if (watched.inode == descriptor) changed.push_back(watched.id);
  }
}

void ChangeWatch::match_all(std::vector<Id>& changed) const {
  for (const auto& watched : names_) {
    changed.push_back(watched.id);
  }
  for (const auto& watched : files_) {
    changed.push_back(watched.id);
  }
}

}  // namespace punchline
