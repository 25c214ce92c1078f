#include "agent/host/folder.h"

#include <system_error>

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

}  // namespace punchline
