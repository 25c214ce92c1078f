// The part of Buffers about what waits in files that no pipe reads.

#include <algorithm>
#include <cerrno>

#include <sys/stat.h>

#include "agent/host/buffers.h"
#include "buffer/base/counted.h"

namespace punchline {

bool Buffers::has_untaken() const {
  return has_unknown() ||
         std::any_of(not_taken_.begin(), not_taken_.end(),
                     [](const auto& of_buffer) { return !of_buffer.second.empty(); });
}

/// Nobody knows whether something is left in some file.
bool Buffers::has_unknown() const {
  return std::any_of(unknown_.begin(), unknown_.end(),
                     [](const auto& of_buffer) { return !of_buffer.second.empty(); });
}

/// The files of this buffer of which nobody knows it.
std::set<std::string> Buffers::unknown_of(const BufferConfig& config) const {
  const auto found = unknown_.find(&config);
  return found == unknown_.end() ? std::set<std::string>() : found->second;
}

bool Buffers::has_unread() const {
  return has_rotated_left() || has_unknown() ||
         std::any_of(config_.buffers.begin(), config_.buffers.end(),
                     [&](const auto& config) { return !unread_under_name(config).empty(); });
}

bool Buffers::tell_of_unread() const {
  bool any = false;
  for (const auto& config : config_.buffers) {
    const auto rotated = rotated_left(config);
    if (!rotated.empty()) {
      parts_.log.warning("{}: not delivered, stays in {}, {}{}: the next start looks for it",
                         config.path, counted(rotated.size(), "rotated file"), rotated.front(),
                         rotated.size() > 1 ? " to " + rotated.back() : "");
    }
    const auto unknown = unknown_of(config);
    if (!unknown.empty()) {
      parts_.log.warning("{}: whether something of it stays in {} is not known: the next start "
                         "looks again",
                         config.path, *unknown.begin());
    }
    const auto unread = config_.once ? "" : unread_under_name(config);
    if (!unread.empty())
      parts_.log.warning("{}: not delivered, stays in the buffer: {}", config.path, unread);
    any = any || !unknown.empty() || !rotated.empty() || !unread.empty();
  }
  return any;
}

/// Those that were not taken, and those that could not be.
std::vector<std::string> Buffers::rotated_left(const BufferConfig& config) const {
  std::vector<std::string> paths;
  if (const auto found = not_taken_.find(&config); found != not_taken_.end())
    paths.assign(found->second.begin(), found->second.end());
  for (const auto& file : rotated_)
    if (&config_.buffers[file.index] == &config) paths.push_back(file.path);
  return paths;
}

/// What waits in the file that has the buffer's name and is not open here: a buffer that could not
/// be opened, or one that has come since somebody last looked. "" for nothing.
std::string Buffers::unread_under_name(const BufferConfig& config) const {
  struct stat found {};
  const bool is_missing = ::stat(config.path.c_str(), &found) < 0;
  if (is_missing && (errno == ENOENT || errno == ENOTDIR)) return "";
  if (!is_missing && (!S_ISREG(found.st_mode) || found.st_size == 0)) return "";
  if (const auto id = file_id(config.path); id && is_held(*id)) return "";
  const auto file = PosixFile::open(config.path);
  const auto left = file ? bytes_behind_front(**file) : file.error();
  if (!left) return "nobody knows how much: " + left.error().message();
  return *left == 0 ? "" : counted(*left, "byte");
}

}  // namespace punchline
