#include "agent/host/rotated.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <climits>
#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <set>
#include <string_view>
#include <system_error>
#include <tuple>

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "agent/host/folder.h"
#include "agent/host/last_look.h"
#include "agent/host/open_buffer.h"
#include "agent/host/rotated_names.h"
#include "buffer/base/counted.h"
#include "buffer/base/timestamp.h"
#include "buffer/descriptor.h"
#include "buffer/lock_file.h"
#include "buffer/quarantine.h"
#include "buffer/state.h"
#include "buffer/stored_state.h"

namespace punchline {
namespace {

namespace fs = std::filesystem;

std::set<std::string> neighbours_of(const BufferConfig& config, const Config& all) {
  const auto folder = folder_of(config.path);
  std::set<std::string> names;
  for (const auto& each : all.buffers) {
    const auto other = folder_of(each.path);
    std::error_code none;
    if (other == folder || fs::equivalent(other, folder, none)) names.insert(name_of_buffer(each));
  }
  return names;
}

Beside::State state_of(const StoredState& stored, const FileFacts& facts) {
  if (!stored.exists) return Beside::State::none;
  if (stored.decoded == Decoded::newer_version) return Beside::State::newer;
  const bool is_own = stored.state.identity == fold_identity(facts.inode, facts.birth_ns);
  return stored.decoded == Decoded::ok && !is_own ? Beside::State::copied : Beside::State::own;
}

/// A file that may have been the buffer, as a listing shows it.
struct Candidate {
  std::string path;
  std::optional<FileId> id;
  std::string error;  ///< Why it could not be asked.
  friend bool operator==(const Candidate&, const Candidate&) = default;
};

/// The name that is noted on a file, and what `--once` adds to it: "app.1/app" if it was given a
/// file app.1 by hand that may have been the buffer app.
struct NotedName {
  std::string name;
  std::string perhaps = {};
};

NotedName parse_noted_name(std::string text) {
  const auto slash = text.find('/');
  if (slash == text.npos) return {std::move(text)};
  return {text.substr(0, slash), text.substr(slash + 1)};
}

Result<std::optional<NotedName>> noted_name(PosixFile& file) {
  auto text = file.attribute(kNameAttribute);
  if (!text) return text.error();
  if (!*text) return std::optional<NotedName>();
  return std::optional(parse_noted_name(std::move(**text)));
}

/// Errors: the file cannot be looked at.
Result<Beside> look_at_open(PosixFile& file, const std::string& name) {
  const auto facts = file.facts();
  if (!facts) return facts.error();
  const auto stored = read_stored_state(file);
  if (!stored) return stored.error();
  const auto changed = file.descriptor().facts();
  if (!changed) return changed.error();
  const auto left = bytes_behind_front(file);
  if (!left) return left.error();
  const auto noted = noted_name(file);
  if (!noted && noted.error().kind() != ErrorKind::unsupported) return noted.error();
  const bool is_noted = noted && noted->has_value();
  return Beside{
      .name = name,
      .noted_name = is_noted ? std::optional((*noted)->name) : std::nullopt,
      .perhaps_name = is_noted ? (*noted)->perhaps : "",
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

/// True for a buffer of this agent, and for a file that the agent itself keeps beside one.
bool is_of_neighbour(const std::string& name, const Sought& sought) {
  static constexpr std::array<std::string_view, 4> kSuffixes = {"", ".agent", ".quarantine",
                                                                ".reserve"};
  return std::any_of(kSuffixes.begin(), kSuffixes.end(), [&](auto suffix) {
    return name.ends_with(suffix) &&
           sought.neighbours.count(name.substr(0, name.size() - suffix.size())) > 0;
  });
}

/// The name of the buffer that a file with a sure name was: the lock file of that buffer tells.
/// Empty if there is none.
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

/// True if a file that bears the name `other` was rotated, and not renamed for good. Nobody renames
/// a buffer for good beside another one that has its name.
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

struct Judged {
  std::int64_t modified_ns = 0;
  FoundBeside found;
};

Judged unknown(const std::string& path, const Error& error) {
  return {0, {path, std::nullopt, Verdict::unknown, error.message()}};
}

Judged judge_closed(const Candidate& candidate, const Error& why, const Sought& sought) {
  const auto& path = candidate.path;
  struct statx facts {};
  if (::statx(AT_FDCWD, path.c_str(), AT_SYMLINK_NOFOLLOW, STATX_BASIC_STATS, &facts) < 0)
    return unknown(path, Error::from_errno(errno, "look at " + path));
  if (!S_ISREG(facts.stx_mode)) return {0, {path, candidate.id, Verdict::other}};
  const auto verdict = verdict_on(
      ClosedBeside{.name = fs::path(path).filename().string(),
                   .bytes = facts.stx_size,
                   .changed_ns = nanoseconds(facts.stx_ctime),
                   .may_not = why.code() == EACCES || why.code() == EPERM},
      sought);
  return {0, {path, candidate.id, verdict, why.message()}};
}

Judged judge_open(PosixFile& file, const Candidate& candidate, const Sought& sought) {
  const auto& path = candidate.path;
  const auto seen = look_at_open(file, fs::path(path).filename().string());
  if (!seen) return unknown(path, seen.error());
  const bool is_newer = seen->state == Beside::State::newer;
  return {seen->modified_ns,
          {path, candidate.id, verdict_on(*seen, sought),
           is_newer ? newer_version(file).message() : "", seen->bytes_left == 0}};
}

/// Empty if the name leads to another file by now.
std::optional<Judged> judge(const Candidate& candidate, const Sought& sought) {
  if (!candidate.error.empty())
    return Judged{0, {candidate.path, candidate.id, Verdict::unknown, candidate.error}};
  const auto file = PosixFile::open(candidate.path);
  if (!file) {
    if (file_id(candidate.path) != candidate.id) return std::nullopt;
    return judge_closed(candidate, file.error(), sought);
  }
  if (file_id(**file) != candidate.id) return std::nullopt;
  return judge_open(**file, candidate, sought);
}

/// True if the buffer's name is noted on the file: an agent has had it, whatever its name is now.
/// False for a file that may not be read, of which nobody knows. Errors: the file cannot be asked.
Result<bool> bears_name(const fs::path& path, const Sought& sought) {
  std::string text(2 * NAME_MAX + 1, '\0');
  const auto bytes = ::lgetxattr(path.c_str(), std::string(kNameAttribute).c_str(), text.data(),
                                 text.size());
  if (bytes >= 0) {
    text.resize(static_cast<std::size_t>(bytes));
    return parse_noted_name(std::move(text)).name == sought.name;
  }
  static constexpr std::array kNone = {ENODATA, ENOTSUP, ERANGE, ENOENT, EACCES, EPERM};
  if (std::find(kNone.begin(), kNone.end(), errno) != kNone.end()) return false;
  return Error::from_errno(errno, "ask whose file it is: " + path.string());
}

using Candidates = std::map<std::string, Candidate>;  // by path

/// One listing: a file that gets another name meanwhile may be missed, or be in it twice.
Result<Candidates> list_once(const std::string& folder, const Sought& sought) {
  Candidates candidates;
  const auto stem = stem_of(sought.name);
  const auto listed = visit_folder(folder, [&](const fs::path& path) {
    const auto name = path.filename().string();
    if (is_of_neighbour(name, sought)) return;
    const bool begins_so = name.starts_with(stem) && !is_ours(name, sought.name);
    const auto bears = begins_so ? Result<bool>(true) : bears_name(path, sought);
    if (bears && !*bears) return;
    const auto id = file_id(path);
    if (!id && (errno == ENOENT || errno == ELOOP)) return;
    candidates[path.string()] = {path.string(), id, bears ? "" : bears.error().message()};
  });
  if (!listed) return listed.error();
  return candidates;
}

/// A file may have several names, and may be known better by one of them than by another.
void add(Judged one, std::vector<Judged>& judged) {
  const auto known = std::find_if(judged.begin(), judged.end(), [&](const auto& each) {
    return each.found.id && each.found.id == one.found.id;
  });
  if (known == judged.end()) {
    judged.push_back(std::move(one));
  } else if (one.found.verdict == Verdict::to_forward) {
    *known = std::move(one);
  }
}

/// Begins again if a name leads to another file before that is judged.
Result<std::vector<Judged>> look_into_folder(const std::string& folder, const Sought& sought) {
  constexpr int kTriesMax = 5;
  for (int tries = 0; tries < kTriesMax; ++tries) {
    const auto candidates =
        list_until_settled(folder, [&] { return list_once(folder, sought); });
    if (!candidates) return candidates.error();
    std::vector<Judged> judged;
    const bool stood_still =
        std::all_of(candidates->begin(), candidates->end(), [&](const auto& each) {
          auto one = judge(each.second, sought);
          if (one && one->found.verdict != Verdict::other) add(std::move(*one), judged);
          return one.has_value();
        });
    if (stood_still) return judged;
  }
  return Error(ErrorKind::busy, 0, "look into " + folder + ": names change all the time");
}

}  // namespace

std::string name_of_buffer(const BufferConfig& config) {
  return fs::path(config.path).filename().string();
}

Status note_name(const BufferConfig& config, bool by_hand, PosixFile& file) {
  const auto name = name_of_buffer(config);
  const auto noted = noted_name(file);
  if (!noted) return noted.error();
  if (!*noted) {
    // It may be a buffer of its own whose name looks so, or one that was rotated.
    const auto perhaps = by_hand ? rotated_from(config) : std::nullopt;
    return file.set_attribute(kNameAttribute, perhaps ? name + "/" + *perhaps : name);
  }
  if ((*noted)->name == name) {
    const bool is_settled = by_hand || (*noted)->perhaps.empty();
    return is_settled ? Status() : file.set_attribute(kNameAttribute, name);
  }
  if (by_hand && was_rotated_from(config, (*noted)->name)) return {};
  // Until the file is delivered, a start of the buffer that it was must find it by that name.
  const auto left = bytes_behind_front(file);
  if (!left) return left.error();
  if (*left > 0) return Error(ErrorKind::busy, 0, file.path() + " is not delivered yet");
  return file.set_attribute(kNameAttribute, name);
}

bool is_looked_for(const std::string& new_path, PosixFile& file, const BufferConfig& config) {
  std::error_code none;
  if (is_quarantine(config)) return false;
  if (!fs::equivalent(folder_of(new_path), folder_of(config.path), none)) return false;
  const auto noted = noted_name(file);
  if (noted && *noted) return (*noted)->name == name_of_buffer(config);
  return is_sure_rotated_name(fs::path(new_path).filename().string(), name_of_buffer(config));
}

bool is_quarantine(const BufferConfig& config) {
  return config.is_quarantine || quarantined_buffer_path(config.path).has_value();
}

std::vector<FoundBeside> find_rotated(const BufferConfig& config, const Config& all,
                                      const Result<LastLook>& seen) {
  const auto unseen = [](const std::string& path, const Error& error) {
    return std::vector<FoundBeside>{{path, std::nullopt, Verdict::unknown, error.message()}};
  };
  if (!seen) return unseen(LockFile::path_for(config.path), seen.error());
  const Sought sought{name_of_buffer(config), neighbours_of(config, all), *seen,
                      nanoseconds(filesystem_now())};
  const auto folder = folder_of(config.path);
  auto judged = look_into_folder(folder, sought);
  if (!judged) return unseen(folder, judged.error());
  std::sort(judged->begin(), judged->end(), [](const auto& a, const auto& b) {
    return std::tie(a.modified_ns, b.found.path) < std::tie(b.modified_ns, a.found.path);
  });
  std::vector<FoundBeside> found;
  for (auto& one : *judged)
    found.push_back(std::move(one.found));
  return found;
}

void tell_of_archives(const BufferConfig& config, const std::vector<FoundBeside>& found,
                      Log& log) {
  std::vector<std::string> undated;
  for (const auto& each : found)
    if (each.verdict == Verdict::undated) undated.push_back(each.path);
  if (const auto count = undated.size(); count > 0) {
    log.warning(
        "{}: {} beside it may have been this buffer, {}{}: when an agent has last looked there is "
        "not known, nor therefore whether it has delivered what they hold, and they are left "
        "alone. What it has not: take it in with '{}'",
        config.path, counted(count, "file"), undated.front(),
        count > 1 ? " to " + undated.back() : "", how_to_take_in(undated.front(), config));
  }
  for (const auto& each : found) {
    const auto& path = each.path;
    const auto verdict = each.verdict;
    if (verdict == Verdict::copy) {
      log.warning("{}: {} is a copy of what was this buffer: what of it was not delivered before "
                  "is not known, and it is not forwarded: {}",
                  config.path, path, how_to_forward(path, config));
    }
    if (verdict == Verdict::quarantine) {
      const auto quarantine = quarantine_path(config.path);
      log.warning("{}: {} was its quarantine, and what it holds goes nowhere: give it the name {} "
                  "again where there is none, and then 'punchline requeue {}'",
                  config.path, path, quarantine, quarantine);
    }
    if (verdict == Verdict::left) {
      log.warning("{}: {} was forwarded by hand, and something of it is left; if it was this "
                  "buffer, {}",
                  config.path, path, how_to_forward(path, config));
    }
    if (verdict == Verdict::unseen) {
      log.warning(
          "{}: {} was made since an agent has last looked, and may hold records of this buffer "
          "that were never delivered: look into it, and take them in with '{}' (of a buffer in "
          "frames: unpack it and forward it with run --once -b). Do not rotate a buffer: it frees itself",
          config.path, path, how_to_take_in(path, config));
    }
  }
}

}  // namespace punchline
