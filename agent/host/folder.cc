#include "agent/host/folder.h"

#include <system_error>

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "buffer/descriptor.h"

namespace punchline {

Status visit_folder(const std::string& folder,
                    const std::function<void(const std::filesystem::path&)>& visit) {
  std::error_code error;
  std::filesystem::directory_iterator at(folder, error);
  for (const std::filesystem::directory_iterator end; !error && at != end; at.increment(error))
    visit(at->path());
  if (error) return Error::from_errno(error.value(), "list " + folder);
  return {};
}

namespace {

FileId id_of(const struct statx& facts) {
  return {makedev(facts.stx_dev_major, facts.stx_dev_minor), facts.stx_ino, birth_ns_of(facts)};
}

}  // namespace

std::optional<FileId> file_id(const std::string& path) {
  struct statx found {};
  if (::statx(AT_FDCWD, path.c_str(), 0, STATX_INO | STATX_BTIME, &found) < 0) return std::nullopt;
  return id_of(found);
}

std::optional<FileId> file_id(const PosixFile& file) {
  const auto facts = file.descriptor().facts();
  if (!facts) return std::nullopt;
  return id_of(*facts);
}

}  // namespace punchline
