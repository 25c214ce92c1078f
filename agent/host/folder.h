#pragma once

#include <compare>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <utility>

#include <sys/types.h>

#include "buffer/base/result.h"
#include "buffer/posix_file.h"

namespace punchline {

/// Calls `visit` with the path of each entry of a folder, in no order. Entries that come or go
/// meanwhile may be missed (readdir(3)). Errors: it cannot be listed, or not to its end. Throws
/// nothing of its own. Any thread.
Status visit_folder(const std::string& folder,
                    const std::function<void(const std::filesystem::path&)>& visit);

/// Calls `list` until two results in a row are equal, and returns that: a listing can miss a file
/// that is renamed meanwhile. Errors: `busy` if the results differ all the time; those of `list`.
template <class List>
auto list_until_settled(const std::string& folder, List list) -> decltype(list()) {
  constexpr int kListingsMax = 10;
  auto before = list();
  for (int i = 1; before && i < kListingsMax; ++i) {
    auto now = list();
    if (!now || *now == *before) return now;
    before = std::move(now);
  }
  if (!before) return before;
  return Error(ErrorKind::busy, 0, "list " + folder + ": names change all the time");
}

/// Tells files apart. Inode numbers alone do not: several filesystems have the same ones, and a new
/// file can get that of a deleted one.
struct FileId {
  dev_t device = 0;
  ino_t inode = 0;
  std::int64_t born_ns = 0;  ///< 0 if the filesystem does not tell.
  auto operator<=>(const FileId&) const = default;
};
/// The id of the file that a path leads to, or of an open file; empty if that cannot be seen. Any
/// thread.
std::optional<FileId> file_id(const std::string& path);
std::optional<FileId> file_id(const PosixFile& file);

}  // namespace punchline
