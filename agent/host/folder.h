#pragma once

#include <compare>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>

#include <sys/types.h>

#include "buffer/base/result.h"
#include "buffer/posix_file.h"

namespace punchline {

/// Calls `visit` with the path of each entry of a folder, in no order. Entries that come or go
/// meanwhile may be missed (readdir(3)). Errors: it cannot be listed, or not to its end. Throws
/// nothing of its own. Any thread.
Status visit_folder(const std::string& folder,
                    const std::function<void(const std::filesystem::path&)>& visit);

/// Tells files apart: inodes of several filesystems have the same numbers.
struct FileId {
  dev_t device = 0;
  ino_t inode = 0;
  auto operator<=>(const FileId&) const = default;
};
/// Of what a path leads to, or of an open file; nothing where that cannot be seen. Any thread.
std::optional<FileId> file_id(const std::string& path);
std::optional<FileId> file_id(const PosixFile& file);

}  // namespace punchline
