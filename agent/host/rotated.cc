#include "agent/host/rotated.h"

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <string_view>
#include <system_error>
#include <tuple>

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "agent/host/folder.h"
#include "agent/host/open_buffer.h"
#include "agent/host/rotated_names.h"
#include "buffer/base/counted.h"
#include "buffer/base/timestamp.h"
#include "buffer/checkpoint.h"
#include "buffer/descriptor.h"
#include "buffer/lock_file.h"
#include "buffer/quarantine.h"
#include "buffer/state.h"

namespace punchline {
namespace {

namespace fs = std::filesystem;

// On the lock file: decimal nanoseconds since the epoch.
constexpr std::string_view kSeenAttribute = "user.punchline.seen";
constexpr int kLockFileFlags = O_RDONLY | O_NOFOLLOW | O_NONBLOCK;

/// What is to become of a file beside the buffer.
struct Verdict {
  enum class Kind : std::uint8_t {
    other,
    to_forward,
    to_be_named,
    closed,
    unknown,
    undated,  ///< It may have been the buffer: when an agent has looked last is not known.
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

/// How much of `name` is that of the buffer: all of it, or all but what is behind its last dot.
std::size_t fit_of(const std::string& name, const std::string& buffer_name) {
  return name.starts_with(buffer_name) ? buffer_name.size() : stem_of(buffer_name).size();
}

/// As somebody may name what was this buffer, and not what was another one whose name fits better.
bool is_named_so(const std::string& name, const Sought& sought) {
  if (!may_be_rotated_name(name, sought.name)) return false;
  return std::none_of(sought.all.buffers.begin(), sought.all.buffers.end(), [&](const auto& each) {
    const auto other = name_of_buffer(each);
    std::error_code none;
    return may_be_rotated_name(name, other) && fit_of(name, other) > fit_of(name, sought.name) &&
           fs::equivalent(folder_of(each.path), folder_of(sought.config.path), none);
  });
}

/// It has a lock file of its own, and so an agent of its own: it is another buffer.
bool has_own_lock(const PosixFile& file) {
  return ::access(LockFile::path_for(file.path()).c_str(), F_OK) == 0;
}

/// Somebody may write into it yet: a producer that had it open when it lost the buffer's name.
/// Where the kernel does not tell, that is so of one that has changed since an agent last looked.
bool may_be_written(PosixFile& file, std::int64_t changed_ns, const Sought& sought) {
  const auto nobody = file.nobody_writes();
  return nobody ? !*nobody : sought.is_since(changed_ns);
}

/// A file that was this buffer and has a state. A start that found it under the buffer's name would
/// read what bytes_behind_front() counts.
Verdict verdict_on_buffer(PosixFile& file, const StoredState& stored, const FileFacts& facts,
                          std::int64_t changed_ns, const Sought& sought) {
  if (stored.decoded == Decoded::newer_version)
    return {Kind::closed, newer_version(file).message()};
  const auto left = bytes_behind_front(file);
  if (!left) return unknown(left.error());
  const bool is_copy = stored.decoded == Decoded::ok &&
                       stored.state.identity != fold_identity(facts.inode, facts.birth_ns);
  if (is_copy) {
    const bool is_new = *left > 0 && sought.is_since(changed_ns);
    return is_new ? Verdict{Kind::to_be_named, {}, What::copy} : Verdict{};
  }
  if (*left > 0) return {Kind::to_forward};
  return {may_be_written(file, changed_ns, sought) ? Kind::to_forward : Kind::other};
}

/// One that no agent has ever had: it was the buffer while none ran, or is none of ours. Or one
/// whose state does not say of which buffer it is, as a program before this one has left it.
Verdict verdict_on_stranger(PosixFile& file, const std::string& name, const FileFacts& facts,
                            std::int64_t changed_ns, bool has_state, const Sought& sought) {
  if (!is_named_so(name, sought) || has_own_lock(file)) return {};
  if (facts.size == 0 && !may_be_written(file, changed_ns, sought)) return {};
  if (!sought.seen_ns) return {Kind::undated};
  if (sought.is_mark_ahead()) return {Kind::to_be_named};
  // In the same tick: rather once more than never.
  const bool is_born = facts.birth_ns != 0 && sought.is_since(facts.birth_ns);
  // A copy may be written into the file of an earlier one. Who renames changes no more than ctime.
  const bool is_dated = facts.birth_ns != 0 && !has_state;
  const bool is_new = is_born || sought.is_since(is_dated ? facts.modified_ns : changed_ns);
  if (!is_new) return {};
  const bool is_sure = is_born && is_sure_rotated_name(name, sought.name);
  return {is_sure ? Kind::to_forward : Kind::to_be_named};
}

/// One file whose name may be that of a rotated one.
Verdict verdict_on(PosixFile& file, const std::string& name, const Sought& sought) {
  const auto facts = file.facts();
  if (!facts) return unknown(facts.error());
  const auto stored = read_stored_state(file);
  if (!stored) return unknown(stored.error());
  const auto changed = file.descriptor().facts();
  if (!changed) return unknown(changed.error());
  const auto changed_ns = nanoseconds(changed->stx_ctime);
  if (is_rotated_quarantine(name, sought.name)) {
    const auto left = bytes_behind_front(file);
    if (!left) return unknown(left.error());
    return *left > 0 ? Verdict{Kind::to_be_named, {}, What::quarantine} : Verdict{};
  }
  const auto noted = file.attribute(kNameAttribute);
  if (!noted && noted.error().kind() != ErrorKind::unsupported) return unknown(noted.error());
  const bool has_noted = noted && *noted;
  if (has_noted && **noted != sought.name) return {};
  const bool has_state = stored->exists;
  const bool is_sure = is_sure_rotated_name(name, sought.name) && !has_own_lock(file);
  if (has_state && (has_noted || is_sure))
    return verdict_on_buffer(file, *stored, *facts, changed_ns, sought);
  if (!has_noted) return verdict_on_stranger(file, name, *facts, changed_ns, has_state, sought);
  // Somebody took its state away, to have it read anew.
  const bool is_read = facts->size > 0 || may_be_written(file, changed_ns, sought);
  return {is_read ? Kind::to_forward : Kind::other};
}

/// Nobody knows what it holds.
Verdict verdict_on_closed(const std::string& path, const Error& why, const Sought& sought) {
  struct statx found {};
  const auto name = fs::path(path).filename().string();
  if (!is_named_so(name, sought)) return {};
  if (::statx(AT_FDCWD, path.c_str(), AT_SYMLINK_NOFOLLOW, STATX_BASIC_STATS, &found) < 0)
    return errno == ENOENT ? Verdict{} : unknown(Error::from_errno(errno, "look at " + path));
  const bool is_new = sought.is_mark_ahead() || sought.is_since(nanoseconds(found.stx_ctime));
  if (!S_ISREG(found.stx_mode) || found.stx_size == 0 || !is_new) return {};
  if (!sought.seen_ns) return {Kind::undated};
  if (!is_rotated_name(name, sought.name) || !unpacker_of(name).empty())
    return {Kind::to_be_named};
  const bool may_not = why.code() == EACCES || why.code() == EPERM;
  return {may_not ? Kind::closed : Kind::unknown, why.message()};
}

bool is_another_buffer(const std::string& path, const Config& all) {
  return std::any_of(all.buffers.begin(), all.buffers.end(), [&](const auto& each) {
    std::error_code none;
    return fs::equivalent(path, each.path, none);
  });
}

/// The buffer that a file was, which has a sure name and no agent: a lock file tells.
std::optional<std::string> rotated_from(const BufferConfig& config) {
  constexpr std::string_view kLock = ".agent";
  const auto name = name_of_buffer(config);
  std::optional<std::string> from;
  (void)visit_folder(folder_of(config.path), [&](const fs::path& path) {
    auto other = path.filename().string();
    if (!other.ends_with(kLock)) return;
    other.resize(other.size() - kLock.size());
    if (is_sure_rotated_name(name, other)) from = other;
  });
  return from;
}

/// A file that bears the name `other`: nobody renames a buffer for good beside another one that has
/// its name.
bool was_rotated_from(const BufferConfig& config, const std::string& other) {
  const auto name = name_of_buffer(config);
  const auto path = (fs::path(config.path).parent_path() / other).string();
  return is_sure_rotated_name(name, other) ||
         (may_be_rotated_name(name, other) && ::access(path.c_str(), F_OK) == 0);
}

std::string how_to_take_in(const std::string& path, const BufferConfig& config) {
  const auto unpacker = unpacker_of(path);
  return (unpacker.empty() ? "cat " : unpacker + " ") + path + " | punchline append " + config.path;
}

struct Found {
  std::int64_t modified_ns;
  std::string path;
  Verdict verdict;
};

using Inodes = std::map<std::uint64_t, std::size_t>;  // where each stands in what was found

/// By one of its names it may be known better than by another. False: the name is gone, and leads
/// elsewhere perhaps.
bool look_at(const fs::path& path, const Sought& sought, Inodes& inodes,
             std::vector<Found>& found) {
  const auto file = PosixFile::open(path);
  if (!file) {
    if (file.error().kind() == ErrorKind::not_found) return false;
    auto verdict = verdict_on_closed(path, file.error(), sought);
    if (verdict.kind != Kind::other) found.push_back({0, path, std::move(verdict)});
    return true;
  }
  auto verdict = verdict_on(**file, path.filename().string(), sought);
  if (verdict.kind == Kind::other) return true;
  const auto facts = (*file)->facts();
  Found one{facts ? facts->modified_ns : 0, path, std::move(verdict)};
  const auto known = facts ? inodes.find(facts->inode) : inodes.end();
  if (known == inodes.end()) {
    if (facts) inodes[facts->inode] = found.size();
    found.push_back(std::move(one));
  } else if (one.verdict.kind == Kind::to_forward) {
    found[known->second] = std::move(one);
  }
  return true;
}

/// What an agent has had bears the buffer's name, whatever its own is.
bool bears_name(const fs::path& path, const Sought& sought) {
  std::string name(sought.name.size() + 1, '\0');
  const auto bytes = ::lgetxattr(path.c_str(), std::string(kNameAttribute).c_str(), name.data(),
                                 name.size());
  return bytes >= 0 && std::string_view(name).substr(0, static_cast<std::size_t>(bytes)) ==
                           sought.name;
}

/// Once more where names change meanwhile: what was listed by one may be found by another only.
/// Errors: the folder cannot be listed, or its names do not stand still.
Status look_into_folder(const Sought& sought, std::vector<Found>& found) {
  constexpr int kTriesMax = 5;
  const auto stem = stem_of(sought.name);
  const auto folder = folder_of(sought.config.path);
  for (int tries = 0; tries < kTriesMax; ++tries) {
    Inodes inodes;
    bool all = true;
    found.clear();
    const auto listed = visit_folder(folder, [&](const fs::path& path) {
      const auto name = path.filename().string();
      const bool begins_so = name.starts_with(stem) && !is_ours(name, sought.name);
      if (!begins_so && !bears_name(path, sought)) return;
      if (is_another_buffer(path, sought.all)) return;
      all = look_at(path, sought, inodes, found) && all;
    });
    if (!listed || all) return listed;
  }
  return Error(ErrorKind::busy, 0, "list " + folder + ": names change all the time");
}

}  // namespace

std::string name_of_buffer(const BufferConfig& config) {
  return fs::path(config.path).filename().string();
}

Status note_name(const BufferConfig& config, bool by_hand, PosixFile& file) {
  auto name = name_of_buffer(config);
  const auto noted = file.attribute(kNameAttribute);
  if (!noted) return noted.error();
  if (*noted == name) return {};
  if (by_hand && *noted && was_rotated_from(config, **noted)) return {};
  if (by_hand && !*noted) name = rotated_from(config).value_or(name);
  return file.set_attribute(kNameAttribute, name);
}

bool is_looked_for(const std::string& new_path, PosixFile& file, const BufferConfig& config) {
  std::error_code none;
  if (is_quarantine(config)) return false;
  if (!fs::equivalent(folder_of(new_path), folder_of(config.path), none)) return false;
  const auto noted = file.attribute(kNameAttribute);
  if (noted && *noted) return **noted == name_of_buffer(config);
  return is_sure_rotated_name(fs::path(new_path).filename().string(), name_of_buffer(config));
}

bool is_quarantine(const BufferConfig& config) {
  return config.is_quarantine || quarantined_buffer_path(config.path).has_value();
}

Result<LastLook> last_look(const BufferConfig& config) {
  const auto file = Descriptor::open(LockFile::path_for(config.path), kLockFileFlags);
  if (!file) {
    if (file.error().kind() == ErrorKind::not_found) return LastLook();
    return file.error();
  }
  const auto noted = file->attribute(kSeenAttribute);
  if (!noted) {
    if (noted.error().kind() == ErrorKind::unsupported) return LastLook();
    return noted.error();
  }
  if (!*noted) return LastLook();
  const std::string_view text = **noted;
  std::int64_t seen_ns = 0;
  const auto parsed = std::from_chars(text.data(), text.data() + text.size(), seen_ns);
  const bool is_whole = parsed.ec == std::errc() && parsed.ptr == text.data() + text.size();
  return is_whole ? LastLook(seen_ns) : LastLook();
}

Rotated find_rotated(const BufferConfig& config, const Config& all,
                     const Result<LastLook>& seen) {
  Rotated rotated;
  if (!seen) {
    rotated.unknown.push_back({LockFile::path_for(config.path), seen.error().message()});
    return rotated;
  }
  const Sought sought{config, all, name_of_buffer(config), *seen, nanoseconds(filesystem_now())};
  std::vector<Found> found;
  if (const auto looked = look_into_folder(sought, found); !looked)
    rotated.unknown.push_back({folder_of(config.path), looked.error().message()});
  std::sort(found.begin(), found.end(), [](const auto& a, const auto& b) {
    return std::tie(a.modified_ns, b.path) < std::tie(b.modified_ns, a.path);
  });
  for (const auto& [modified_ns, path, verdict] : found) {
    if (verdict.kind == Kind::undated) rotated.undated.push_back(path);
    if (verdict.kind == Kind::to_forward) rotated.to_forward.push_back(path);
    if (verdict.kind == Kind::to_be_named) rotated.to_be_named.push_back({path, verdict.what});
    if (verdict.kind == Kind::closed) rotated.closed.push_back({path, verdict.why});
    if (verdict.kind == Kind::unknown) rotated.unknown.push_back({path, verdict.why});
  }
  return rotated;
}

void tell_of_archives(const BufferConfig& config, const Rotated& found, Log& log) {
  if (const auto count = found.undated.size(); count > 0) {
    log.warning(
        "{}: {} beside it may have been this buffer, {}{}: when an agent has last looked there is "
        "not known, nor therefore whether it has delivered what they hold, and they are left "
        "alone. What it has not: take it in with '{}'",
        config.path, counted(count, "file"), found.undated.front(),
        count > 1 ? " to " + found.undated.back() : "",
        how_to_take_in(found.undated.front(), config));
  }
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
    log.warning(
        "{}: {} was made since an agent has last looked, and may hold records of this buffer that "
        "were never delivered: look into it, and take them in with '{}' (of a buffer in frames: "
        "unpack it and forward it too, -b). Do not rotate a buffer: it frees itself",
        config.path, path, how_to_take_in(path, config));
  }
}

struct timespec filesystem_now() {
  struct timespec now {};
  (void)::clock_gettime(CLOCK_REALTIME_COARSE, &now);
  return now;
}

void note_rotated_seen(const BufferConfig& config, struct timespec looked) {
  const auto file = Descriptor::open(LockFile::path_for(config.path), kLockFileFlags);
  if (!file) return;
  const auto seen_ns = std::int64_t{looked.tv_sec} * 1'000'000'000 + looked.tv_nsec;
  (void)file->set_attribute(kSeenAttribute, std::to_string(seen_ns));
}

}  // namespace punchline
