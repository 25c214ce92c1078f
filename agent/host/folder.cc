#include "agent/host/folder.h"

#include <system_error>

#include <sys/stat.h>
#include <sys/sysmacros.h>

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

std::optional<FileId> file_id(const std::string& path) {
  struct stat found {};
  if (::stat(path.c_str(), &found) < 0) return std::nullopt;
  return FileId{found.st_dev, found.st_ino};
}

std::optional<FileId> file_id(const PosixFile& file) {
  const auto facts = file.descriptor().facts();
  if (!facts) return std::nullopt;
  return FileId{makedev(facts->stx_dev_major, facts->stx_dev_minor), facts->stx_ino};
}

}  // namespace punchline
