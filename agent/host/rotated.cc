#include "agent/host/rotated.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <set>
#include <string_view>
#include <system_error>
#include <tuple>

#include <fcntl.h>
#include <sys/stat.h>

#include "agent/host/folder.h"
#include "agent/host/open_buffer.h"
#include "buffer/base/timestamp.h"
#include "buffer/checkpoint.h"
#include "buffer/lock_file.h"
#include "buffer/quarantine.h"
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

std::string stem_of(const std::string& name) {
  return fs::path(name).stem().string();
}

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
Result<std::optional<std::int64_t>> last_seen_ns(const BufferConfig& config) {
  struct stat found {};
  if (::stat(LockFile::path_for(config.path).c_str(), &found) == 0)
    return std::optional(nanoseconds(found.st_mtim));
  if (errno == ENOENT || errno == ENOTDIR) return std::optional<std::int64_t>();
  return Error::from_errno(errno, "look at " + LockFile::path_for(config.path));
}

/// What is to become of a file beside the buffer.
struct Verdict {
  enum class Kind : std::uint8_t {
    other,
    to_forward,
    to_be_named,
    closed,
    unknown,
    undated,  ///< It was the buffer, if an agent was here before: when it looked last is not known.
  };
  Kind kind = Kind::other;
  std::string why = {};                                        ///< Closed, or unknown.
  Rotated::Named::What what = Rotated::Named::What::unseen;  ///< To be named.
};
using Kind = Verdict::Kind;
using What = Rotated::Named::What;

Verdict unknown(const Error& error) {
  return {Kind::unknown, error.message()};
}

/// What is known of a buffer whose rotated files are looked for.
struct Sought {
  const BufferConfig& config;
  const Config& all;
  std::string name;
  std::optional<std::int64_t> seen_ns;  ///< An agent has last looked then.
  std::int64_t now_ns;

  /// The time of the last look says nothing: the clock was ahead, or is behind.
  bool is_mark_ahead() const { return seen_ns && *seen_ns > now_ns; }
  bool is_since(std::int64_t time_ns) const { return !seen_ns || time_ns >= *seen_ns; }
};

/// As a rotation names this buffer, and not another one whose name fits better.
bool is_named_so(const std::string& name, const Sought& sought) {
  if (!is_rotated_name(name, sought.name)) return false;
  return std::none_of(sought.all.buffers.begin(), sought.all.buffers.end(), [&](const auto& each) {
    const auto other = name_of_buffer(each);
    std::error_code none;
    return stem_of(other).size() > stem_of(sought.name).size() && is_rotated_name(name, other) &&
           fs::equivalent(folder_of(each.path), folder_of(sought.config.path), none);
  });
}

/// A file that has a state: it was this buffer or another one. A start that found it under the
/// buffer's name would read what bytes_behind_front() counts.
Verdict verdict_on_buffer(PosixFile& file, const StoredState& stored, const FileFacts& facts,
                          std::int64_t changed_ns, const std::string& name, const Sought& sought) {
  const auto noted = file.attribute(kNameAttribute);
  if (!noted) return unknown(noted.error());
  const bool was_it = *noted ? **noted == sought.name : is_named_so(name, sought);
  if (!was_it) return {};
  if (stored.decoded == Decoded::newer_version)
    return {Kind::closed, newer_version(file).message()};
  const auto left = bytes_behind_front(file);
  if (!left) return unknown(left.error());
  if (*left == 0) return {};
  const bool is_copy = stored.decoded == Decoded::ok &&
                       stored.state.identity != fold_identity(facts.inode, facts.birth_ns);
  if (!is_copy) return {Kind::to_forward};
  if (!sought.is_since(changed_ns)) return {};
  return {Kind::to_be_named, {}, What::copy};
}

/// One file whose name may be that of a rotated one.
Verdict verdict_on(PosixFile& file, const std::string& name, const Sought& sought) {
  const auto facts = file.facts();
  if (!facts) return unknown(facts.error());
  if (facts->size == 0) return {};
  const auto stored = read_stored_state(file);
  if (!stored) return unknown(stored.error());
  const auto changed = file.descriptor().facts();
  if (!changed) return unknown(changed.error());
  const auto changed_ns = nanoseconds(changed->stx_ctime);
  if (is_rotated_name(name, quarantine_path(sought.name))) {
    const auto left = bytes_behind_front(file);
    if (!left) return unknown(left.error());
    return *left > 0 ? Verdict{Kind::to_be_named, {}, What::quarantine} : Verdict{};
  }
  if (stored->exists) return verdict_on_buffer(file, *stored, *facts, changed_ns, name, sought);
  // No agent has ever seen it: it was the buffer while none ran, or is none of ours.
  if (!is_named_so(name, sought)) return {};
  if (!sought.seen_ns) return {Kind::undated};
  if (sought.is_mark_ahead()) return {Kind::to_be_named};
  if (compression_of(name) != nullptr)
    return {sought.is_since(changed_ns) ? Kind::to_be_named : Kind::other};
  // In the same tick: rather once more than never.
  if (sought.is_since(facts->birth_ns)) return {Kind::to_forward};
  const bool may_be_new = facts->birth_ns == 0 && sought.is_since(changed_ns);
  return {may_be_new ? Kind::to_be_named : Kind::other};
}

/// Nobody knows what it holds.
Verdict verdict_on_closed(const std::string& path, const Error& why, const Sought& sought) {
  struct statx found {};
  const auto name = fs::path(path).filename().string();
  if (!sought.seen_ns || !is_named_so(name, sought)) return {};
  if (::statx(AT_FDCWD, path.c_str(), AT_SYMLINK_NOFOLLOW, STATX_BASIC_STATS, &found) < 0)
    return errno == ENOENT ? Verdict{} : unknown(Error::from_errno(errno, "look at " + path));
  const bool is_new = sought.is_mark_ahead() || sought.is_since(nanoseconds(found.stx_ctime));
  if (!S_ISREG(found.stx_mode) || found.stx_size == 0 || !is_new) return {};
  if (compression_of(name) != nullptr) return {Kind::to_be_named};
  const bool may_not = why.code() == EACCES || why.code() == EPERM;
  return {may_not ? Kind::closed : Kind::unknown, why.message()};
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
  Verdict verdict;
};

/// Under one of its names it may be known, and under another not.
void look_at(const fs::path& path, const Sought& sought, std::set<std::uint64_t>& inodes,
             std::vector<Found>& found) {
  const auto file = PosixFile::open(path);
  if (!file) {
    auto verdict = verdict_on_closed(path, file.error(), sought);
    if (verdict.kind != Kind::other) found.push_back({0, path, std::move(verdict)});
    return;
  }
  auto verdict = verdict_on(**file, path.filename().string(), sought);
  const auto facts = (*file)->facts();
  if (verdict.kind == Kind::other || (facts && !inodes.insert(facts->inode).second)) return;
  found.push_back({facts ? facts->modified_ns : 0, path, std::move(verdict)});
}

/// Errors: the folder cannot be listed.
Status look_into_folder(const Sought& sought, std::vector<Found>& found) {
  const auto stem = stem_of(sought.name);
  std::set<std::uint64_t> inodes;
  return visit_folder(folder_of(sought.config.path), [&](const fs::path& path) {
    const auto name = path.filename().string();
    if (!name.starts_with(stem) || is_ours(name) || is_another_buffer(path, sought.all)) return;
    look_at(path, sought, inodes, found);
  });
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
  const auto stem = stem_of(buffer_name);
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
         name.starts_with(stem_of(name_of_buffer(config))) && !is_ours(name) &&
         !config.is_quarantine;
}

Rotated find_rotated(const BufferConfig& config, const Config& all) {
  Rotated rotated;
  const auto seen_ns = last_seen_ns(config);
  if (!seen_ns) {
    rotated.unknown.push_back({LockFile::path_for(config.path), seen_ns.error().message()});
    return rotated;
  }
  const Sought sought{config, all, name_of_buffer(config), *seen_ns,
                      nanoseconds(filesystem_now())};
  std::vector<Found> found;
  if (const auto looked = look_into_folder(sought, found); !looked)
    rotated.unknown.push_back({folder_of(config.path), looked.error().message()});
  std::sort(found.begin(), found.end(), [](const auto& a, const auto& b) {
    return std::tie(a.modified_ns, b.path) < std::tie(b.modified_ns, a.path);
  });
  const bool was_here = std::any_of(found.begin(), found.end(), [](const auto& each) {
    return each.verdict.kind == Kind::to_forward;
  });
  for (const auto& [modified_ns, path, verdict] : found) {
    if (verdict.kind == Kind::undated && was_here) rotated.to_be_named.push_back({path});
    if (verdict.kind == Kind::to_forward) rotated.to_forward.push_back(path);
    if (verdict.kind == Kind::to_be_named) rotated.to_be_named.push_back({path, verdict.what});
    if (verdict.kind == Kind::closed) rotated.closed.push_back({path, verdict.why});
    if (verdict.kind == Kind::unknown) rotated.unknown.push_back({path, verdict.why});
  }
  return rotated;
}

void tell_of_archives(const BufferConfig& config, const Rotated& found, Log& log) {
  for (const auto& [path, what] : found.to_be_named) {
    if (what == What::copy) {
      log.warning("{}: {} is a copy of what was this buffer: what of it was not delivered before "
                  "is not known, and it is not forwarded: {}",
                  config.path, path, how_to_forward(path, config));
      continue;
    }
    if (what == What::quarantine) {
      const auto quarantine = quarantine_path(config.path);
      log.warning("{}: {} was its quarantine, and what it holds goes nowhere: give it the name {} "
                  "again where there is none, and then 'punchline requeue {}'",
                  config.path, path, quarantine, quarantine);
      continue;
    }
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
