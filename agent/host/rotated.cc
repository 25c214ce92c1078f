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

/// The agent's other buffers in the same folder.
std::vector<std::string> neighbours_of(const BufferConfig& config, const Config& all) {
  std::vector<std::string> names;
  for (const auto& each : all.buffers) {
    std::error_code none;
    if (fs::equivalent(folder_of(each.path), folder_of(config.path), none))
      names.push_back(name_of_buffer(each));
  }
  return names;
}

Beside::State state_of(const StoredState& stored, const FileFacts& facts) {
  if (!stored.exists) return Beside::State::none;
  if (stored.decoded == Decoded::newer_version) return Beside::State::newer;
  const bool is_own = stored.state.identity == fold_identity(facts.inode, facts.birth_ns);
  return stored.decoded == Decoded::ok && !is_own ? Beside::State::copied : Beside::State::own;
}

/// Errors: it cannot be looked at.
Result<Beside> look_at_open(PosixFile& file, const std::string& name) {
  const auto facts = file.facts();
  if (!facts) return facts.error();
  const auto stored = read_stored_state(file);
  if (!stored) return stored.error();
  const auto changed = file.descriptor().facts();
  if (!changed) return changed.error();
  const auto left = bytes_behind_front(file);
  if (!left) return left.error();
  auto noted = file.attribute(kNameAttribute);
  if (!noted && noted.error().kind() != ErrorKind::unsupported) return noted.error();
  return Beside{
      .name = name,
      .noted_name = noted ? std::move(*noted) : std::nullopt,
      .state = state_of(*stored, *facts),
      .bytes = facts->size,
      .bytes_left = *left,
      .born_ns = facts->birth_ns,
      .modified_ns = facts->modified_ns,
      .changed_ns = nanoseconds(changed->stx_ctime),
      .has_lock_file = ::access(LockFile::path_for(file.path()).c_str(), F_OK) == 0,
      .is_open = [&file]() -> std::optional<bool> {
        const auto nobody = file.nobody_writes();
        return nobody ? std::optional(!*nobody) : std::nullopt;
      },
  };
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
  std::int64_t modified_ns = 0;
  std::string path;
  Verdict verdict = Verdict::other;
  std::string why = {};  // closed, or unknown
};

Found unknown(const std::string& path, const Error& error) {
  return {0, path, Verdict::unknown, error.message()};
}

Found judge_closed(const std::string& path, const Error& why, const Sought& sought) {
  struct statx facts {};
  if (::statx(AT_FDCWD, path.c_str(), AT_SYMLINK_NOFOLLOW, STATX_BASIC_STATS, &facts) < 0) {
    if (errno == ENOENT) return {0, path, Verdict::other};
    return unknown(path, Error::from_errno(errno, "look at " + path));
  }
  if (!S_ISREG(facts.stx_mode)) return {0, path, Verdict::other};
  const auto verdict = verdict_on(
      ClosedBeside{.name = fs::path(path).filename().string(),
                   .bytes = facts.stx_size,
                   .changed_ns = nanoseconds(facts.stx_ctime),
                   .may_not = why.code() == EACCES || why.code() == EPERM},
      sought);
  return {0, path, verdict, why.message()};
}

Found judge_open(PosixFile& file, const std::string& path, const Sought& sought) {
  const auto seen = look_at_open(file, fs::path(path).filename().string());
  if (!seen) return unknown(path, seen.error());
  const bool is_newer = seen->state == Beside::State::newer;
  return {seen->modified_ns, path, verdict_on(*seen, sought),
          is_newer ? newer_version(file).message() : ""};
}

using Places = std::map<FileId, std::size_t>;  // where each stands in what was found

/// By one of its names it may be known better than by another. False: the name is gone, and leads
/// elsewhere perhaps.
bool look_at(const fs::path& path, const Sought& sought, Places& places,
             std::vector<Found>& found) {
  const auto file = PosixFile::open(path);
  if (!file && file.error().kind() == ErrorKind::not_found) return false;
  auto one = file ? judge_open(**file, path, sought) : judge_closed(path, file.error(), sought);
  if (one.verdict == Verdict::other) return true;
  const auto id = file ? file_id(**file) : std::nullopt;
  const auto known = id ? places.find(*id) : places.end();
  if (known == places.end()) {
    if (id) places[*id] = found.size();
    found.push_back(std::move(one));
  } else if (one.verdict == Verdict::to_forward) {
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
Status look_into_folder(const std::string& folder, const Sought& sought, const Config& all,
                        std::vector<Found>& found) {
  constexpr int kTriesMax = 5;
  const auto stem = stem_of(sought.name);
  for (int tries = 0; tries < kTriesMax; ++tries) {
    Places places;
    bool stood_still = true;
    found.clear();
    const auto listed = visit_folder(folder, [&](const fs::path& path) {
      const auto name = path.filename().string();
      const bool begins_so = name.starts_with(stem) && !is_ours(name, sought.name);
      if (!begins_so && !bears_name(path, sought)) return;
      if (is_another_buffer(path, all)) return;
      stood_still = look_at(path, sought, places, found) && stood_still;
    });
    if (!listed || stood_still) return listed;
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
  const Sought sought{name_of_buffer(config), neighbours_of(config, all), *seen,
                      nanoseconds(filesystem_now())};
  const auto folder = folder_of(config.path);
  std::vector<Found> found;
  if (const auto looked = look_into_folder(folder, sought, all, found); !looked)
    rotated.unknown.push_back({folder, looked.error().message()});
  std::sort(found.begin(), found.end(), [](const auto& a, const auto& b) {
    return std::tie(a.modified_ns, b.path) < std::tie(b.modified_ns, a.path);
  });
  for (const auto& [modified_ns, path, verdict, why] : found) {
    switch (verdict) {
      case Verdict::to_forward:
        rotated.to_forward.push_back(path);
        break;
      case Verdict::unseen:
      case Verdict::copy:
      case Verdict::quarantine:
        rotated.to_be_named.push_back({path, verdict});
        break;
      case Verdict::undated:
        rotated.undated.push_back(path);
        break;
      case Verdict::closed:
        rotated.closed.push_back({path, why});
        break;
      case Verdict::unknown:
        rotated.unknown.push_back({path, why});
        break;
      case Verdict::other:
        break;
    }
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
  for (const auto& [path, verdict] : found.to_be_named) {
    if (verdict == Verdict::copy) {
      log.warning("{}: {} is a copy of what was this buffer: what of it was not delivered before "
                  "is not known, and it is not forwarded: {}",
                  config.path, path, how_to_forward(path, config));
      continue;
    }
    if (verdict == Verdict::quarantine) {
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
