#include "agent/host/rotated.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <set>
#include <string_view>
#include <system_error>
#include <tuple>

#include <fcntl.h>
#include <sys/stat.h>

#include "buffer/base/timestamp.h"
#include "buffer/checkpoint.h"
#include "buffer/lock_file.h"
#include "buffer/state.h"

namespace punchline {
namespace {

namespace fs = std::filesystem;

struct Compressed {
  std::string_view suffix;
  std::string_view unpacker;
};
constexpr std::array kCompressed = {Compressed{".gz", "zcat"}, Compressed{".zst", "zstdcat"},
                                    Compressed{".xz", "xzcat"}, Compressed{".bz2", "bzcat"},
                                    Compressed{".lz4", "lz4cat"}};

const Compressed* compression_of(std::string_view name) {
  const auto* found = std::find_if(kCompressed.begin(), kCompressed.end(), [&](const auto& each) {
    return name.ends_with(each.suffix);
  });
  return found == kCompressed.end() ? nullptr : found;
}

// ".1", "-20260131", "-2026-01-31-1769817600", "_31.01.2026".
bool is_number_or_date(std::string_view text) {
  constexpr std::string_view kSeparators = ".-_";
  return text.size() > 1 && kSeparators.find(text[0]) != std::string_view::npos &&
         text.find_first_of("0123456789") != std::string_view::npos &&
         text.find_first_not_of("0123456789.-_:T") == std::string_view::npos;
}

/// When an agent has last looked; nothing if none has, or it could not note that.
std::optional<std::int64_t> last_seen_ns(const BufferConfig& config) {
  const auto file = PosixFile::open(LockFile::path_for(config.path));
  if (!file) return std::nullopt;
  const auto facts = (*file)->facts();
  return facts ? std::optional(facts->modified_ns) : std::nullopt;
}

enum class Kind : std::uint8_t { other, to_forward, to_be_named, closed };

/// One file whose name may be that of a rotated one.
Kind kind_of(PosixFile& file, const std::string& name, const BufferConfig& config,
             std::optional<std::int64_t> last_seen_ns) {
  const auto facts = file.facts();
  const auto stored = read_stored_state(file);
  const auto changed = file.descriptor().facts();
  if (!facts || !stored || !changed || facts->size == 0) return Kind::other;
  const auto buffer_name = name_of_buffer(config);
  const bool is_named_so = is_rotated_name(name, buffer_name);
  if (stored->exists) {
    const bool is_own = stored->decoded == Decoded::ok &&
                        stored->state.identity == fold_identity(facts->inode, facts->birth_ns);
    const auto noted = file.attribute(kNameAttribute);
    const bool was_it = noted && *noted ? **noted == buffer_name : is_named_so;
    const auto left = bytes_behind_front(file);
    return is_own && was_it && left && *left > 0 ? Kind::to_forward : Kind::other;
  }
  // No agent has ever seen it: it was the buffer while none ran, or is none of ours.
  if (!is_named_so || !last_seen_ns) return Kind::other;
  if (compression_of(name) != nullptr) {
    return nanoseconds(changed->stx_ctime) >= *last_seen_ns ? Kind::to_be_named : Kind::other;
  }
  // In the same tick: rather once more than never.
  if (facts->birth_ns >= *last_seen_ns) return Kind::to_forward;
  const bool is_new = nanoseconds(changed->stx_ctime) >= *last_seen_ns;
  return facts->birth_ns == 0 && is_new ? Kind::to_be_named : Kind::other;
}

// Nobody knows what it holds.
Kind kind_of_closed(const std::string& path, const BufferConfig& config,
                    std::optional<std::int64_t> last_seen_ns) {
  struct statx found {};
  const auto name = fs::path(path).filename().string();
  if (!last_seen_ns || !is_rotated_name(name, name_of_buffer(config))) return Kind::other;
  if (::statx(AT_FDCWD, path.c_str(), AT_SYMLINK_NOFOLLOW, STATX_BASIC_STATS, &found) < 0)
    return Kind::other;
  const bool is_new = nanoseconds(found.stx_ctime) >= *last_seen_ns;
  if (!S_ISREG(found.stx_mode) || found.stx_size == 0 || !is_new) return Kind::other;
  return compression_of(name) != nullptr ? Kind::to_be_named : Kind::closed;
}

bool is_another_buffer(const std::string& path, const Config& all) {
  return std::any_of(all.buffers.begin(), all.buffers.end(), [&](const auto& each) {
    std::error_code none;
    return fs::equivalent(path, each.path, none);
  });
}

// What stands beside a buffer by our own doing.
bool is_ours(std::string_view name) {
  return name.ends_with(".quarantine") || name.ends_with(".agent") ||
         name.ends_with(".reserve") ||
         name.find(".orphan-") != std::string_view::npos ||
         name.find(".quarantine.unsynced-") != std::string_view::npos;
}

struct Found {
  std::int64_t modified_ns;
  std::string path;
  Kind kind;
  std::string why;  // it is closed
};

void look_at(const fs::directory_entry& entry, const BufferConfig& config,
             std::optional<std::int64_t> seen_ns, std::set<std::uint64_t>& inodes,
             std::vector<Found>& found) {
  const auto path = entry.path().string();
  const auto file = PosixFile::open(path);
  if (!file) {
    const auto kind = kind_of_closed(path, config, seen_ns);
    if (kind != Kind::other) found.push_back({0, path, kind, file.error().message()});
    return;
  }
  const auto facts = (*file)->facts();
  if (!facts || !inodes.insert(facts->inode).second) return;
  const auto kind = kind_of(**file, entry.path().filename().string(), config, seen_ns);
  if (kind != Kind::other) found.push_back({facts->modified_ns, path, kind, {}});
}

}  // namespace

std::string name_of_buffer(const BufferConfig& config) {
  return fs::path(config.path).filename().string();
}

void note_name(const BufferConfig& config, PosixFile& file) {
  const auto name = name_of_buffer(config);
  const auto noted = file.attribute(kNameAttribute);
  if (!noted || *noted == name) return;
  (void)file.set_attribute(kNameAttribute, name);
}

std::string unpacker_of(const std::string& name) {
  const auto* compression = compression_of(name);
  return compression == nullptr ? "" : std::string(compression->unpacker);
}

bool is_rotated_name(const std::string& name, const std::string& buffer_name) {
  std::string_view rest = name;
  if (const auto* compression = compression_of(name)) {
    rest.remove_suffix(compression->suffix.size());
    if (rest == buffer_name) return true;
  }
  if (rest.starts_with(buffer_name)) return is_number_or_date(rest.substr(buffer_name.size()));
  const auto stem = fs::path(buffer_name).stem().string();
  const auto extension = fs::path(buffer_name).extension().string();
  if (extension.empty() || !rest.starts_with(stem) || !rest.ends_with(extension)) return false;
  if (rest.size() <= stem.size() + extension.size()) return false;
  rest.remove_suffix(extension.size());
  return is_number_or_date(rest.substr(stem.size()));
}

bool is_looked_for(const std::string& new_path, const BufferConfig& config) {
  std::error_code none;
  const auto name = fs::path(new_path).filename().string();
  return fs::equivalent(folder_of(new_path), folder_of(config.path), none) &&
         name.starts_with(fs::path(config.path).stem().string()) && !is_ours(name) &&
         !config.is_quarantine;
}

Rotated find_rotated(const BufferConfig& config, const Config& all) {
  std::vector<Found> found;
  std::set<std::uint64_t> inodes;
  const auto seen_ns = last_seen_ns(config);
  const auto stem = fs::path(config.path).stem().string();
  std::error_code none;
  for (const auto& entry : fs::directory_iterator(folder_of(config.path), none)) {
    const auto name = entry.path().filename().string();
    if (!name.starts_with(stem) || is_ours(name) || is_another_buffer(entry.path(), all)) continue;
    look_at(entry, config, seen_ns, inodes, found);
  }
  std::sort(found.begin(), found.end(), [](const auto& a, const auto& b) {
    return std::tie(a.modified_ns, b.path) < std::tie(b.modified_ns, a.path);
  });
  Rotated rotated;
  for (const auto& each : found) {
    if (each.kind == Kind::to_forward) rotated.to_forward.push_back(each.path);
    if (each.kind == Kind::to_be_named) rotated.to_be_named.push_back(each.path);
    if (each.kind == Kind::closed) rotated.closed.push_back({each.path, each.why});
  }
  return rotated;
}

void tell_of_archives(const BufferConfig& config, const Rotated& found, Log& log) {
  for (const auto& path : found.to_be_named) {
    const auto unpacker = unpacker_of(path);
    log.warning(
        "{}: {} was made while no agent ran, and may hold records of this buffer that were never "
        "delivered: look into it, and take them in with '{} {} | punchline append {}' (of a buffer "
        "in frames: unpack it and forward it too, -b). Do not rotate a buffer: it frees itself",
        config.path, path, unpacker.empty() ? "cat" : unpacker, path, config.path);
  }
}

struct timespec filesystem_now() {
  struct timespec now {};
  (void)::clock_gettime(CLOCK_REALTIME_COARSE, &now);
  return now;
}

void note_rotated_seen(const BufferConfig& config, struct timespec looked) {
  const std::array times = {timespec{.tv_sec = 0, .tv_nsec = UTIME_OMIT}, looked};
  (void)::utimensat(AT_FDCWD, LockFile::path_for(config.path).c_str(), times.data(), 0);
}

}  // namespace punchline
