// The part of Buffers about files that are, or were, rotated.

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <filesystem>
#include <system_error>
#include <utility>

#include <sys/stat.h>

#include "agent/host/buffers.h"
#include "agent/host/folder.h"
#include "agent/host/rotated.h"
#include "buffer/base/counted.h"
#include "buffer/base/timestamp.h"
#include "buffer/wall_time.h"

namespace punchline {
namespace {

using namespace std::chrono_literals;

constexpr Duration kRetryDelay = 1s;
constexpr Duration kLookAgainDelay = 5s;
constexpr Duration kQuietMin = 60s;  // a producer may still have the file open

/// The name that a file has by now; nothing where it has none, or none that is seen here, as when of
/// two hard links the one is gone by which it was opened.
std::optional<std::string> new_name_of(PosixFile& file) {
  const auto facts = file.facts();
  if (!facts || !facts->has_name) return std::nullopt;
  std::error_code none;
  const auto name = std::filesystem::read_symlink(file.descriptor().link(), none).string();
  struct stat found {};
  if (none || ::stat(name.c_str(), &found) < 0 || found.st_ino != facts->inode) return std::nullopt;
  return name;
}

/// Of one that has a name, but none that is known here.
std::string other_name_of(PosixFile& file) {
  const auto facts = file.facts();
  if (!facts || !facts->has_name) return "";
  return " (it has another name, a hard link of inode " + std::to_string(facts->inode) +
         ", where nobody looks for it: find it and forward it too, -b)";
}

}  // namespace

// At a start, and when a file was replaced: it may have been so twice since anybody looked.
void Buffers::look_for_rotated(std::size_t index) {
  search_for_rotated(index);
  note_seen(config_.buffers[index]);
}

void Buffers::search_for_rotated(std::size_t index) {
  const auto& config = config_.buffers[index];
  if (is_quarantine(config)) return;
  const auto live = std::find_if(held_.begin(), held_.end(), [&](const auto& held) {
    return &held->config == &config && !held->replaced;
  });
  // Where none is open what has the name now may lose it before anybody has seen it.
  if (live != held_.end()) looked_[&config] = (*live)->opened;
  // Another folder may have been mounted there since, with a lock file of its own.
  const auto folder = file_id(folder_of(config.path));
  auto& [seen_in, seen] = seen_.try_emplace(&config, folder, LastLook()).first->second;
  if (folder != std::exchange(seen_in, folder) || !seen || !*seen)
    seen = last_look(LockFile::path_for(config.path));
  auto found = find_rotated(config, config_, seen);
  const auto known = known_files();
  std::erase_if(found, [&](const auto& each) { return each.id && known.count(*each.id) > 0; });
  for (const auto& [path, id, verdict, why] : found) {
    if (verdict == Verdict::to_forward)
      rotated_.push_back({index, path, *id, LockRequest(LockFile::path_for(config.path))});
  }
  tell_of_closed(config, found);
  tell_of_unknown(config, found);
  std::erase_if(found, [&](const auto& each) {  // by whatever names it has had
    return is_to_be_named(each.verdict) && each.id && !named_[&config].insert(*each.id).second;
  });
  tell_of_archives(config, found, parts_.log);
  // What was there until now has been judged as well as it can be.
  if (seen && !*seen && live != held_.end()) {
    const auto opened_ns = nanoseconds((*live)->opened);
    if (can_be_now(opened_ns / 1'000'000)) seen = LastLook(opened_ns);
  }
}

void Buffers::tell_of_closed(const BufferConfig& config, const std::vector<FoundBeside>& found) {
  for (const auto& [path, id, verdict, why] : found) {
    if (verdict != Verdict::closed || !not_taken_[&config].insert(path).second) continue;
    parts_.log.error(
        "{}: {} may have been this buffer, and is not forwarded: {}. Let the agent read and write "
        "it, and restart it",
        config.path, path, why);
  }
}

void Buffers::tell_of_unknown(const BufferConfig& config, const std::vector<FoundBeside>& found) {
  std::set<std::string> unknown;
  for (const auto& [path, id, verdict, why] : found) {
    if (verdict != Verdict::unknown) continue;
    unknown.insert(path);
    if (unknown_[&config].count(path) > 0) continue;
    parts_.log.error(
        "{}: whether it was rotated, and something of it is left, cannot be seen: {}; looking "
        "again each {} s",
        config.path, why, kLookAgainDelay / 1s);
  }
  unknown_[&config] = std::move(unknown);
}

/// What could not be looked at before, and what could not be noted.
void Buffers::look_for_rotated_again(TimePoint now) {
  for (const auto* config : std::set(unnoted_))
    note_seen(*config);
  look_at_queue();
  if (now < look_again_due_) return;
  look_again_due_ = now + kLookAgainDelay;
  for (std::size_t i = 0; i < config_.buffers.size(); ++i) {
    if (!unknown_of(config_.buffers[i]).empty()) look_for_rotated(i);
  }
}

/// Its path leads elsewhere by now, or nowhere.
bool Buffers::RotatedFile::has_moved() const {
  const auto now = file_id(path);
  return now ? *now != id : errno == ENOENT;
}

/// Those that wait for their turn may get other names meanwhile, or none.
void Buffers::look_at_queue() {
  std::vector<RotatedFile> moved;
  for (auto at = rotated_.begin(); at != rotated_.end();) {
    if (!at->has_moved()) {
      ++at;
      continue;
    }
    moved.push_back(std::move(*at));
    at = rotated_.erase(at);
  }
  std::set<std::size_t> of;
  for (const auto& file : moved)
    of.insert(file.index);
  for (const auto index : of)
    look_for_rotated(index);
  const auto known = known_files();
  for (const auto& file : moved) {
    if (known.count(file.id) > 0) continue;
    parts_.log.error(
        "{}: {} was this buffer, and was deleted or moved elsewhere before its turn came: what it "
        "held is lost if it has no other name; find it and forward it too, -b",
        config_.buffers[file.index].path, file.path);
  }
}

/// Forwarded already, or about to be.
std::set<FileId> Buffers::known_files() const {
  std::set<FileId> known;
  for (const auto& held : held_)
    if (const auto id = file_id(*held->buffer.file)) known.insert(*id);
  for (const auto& file : rotated_)
    known.insert(file.id);
  return known;
}

bool Buffers::is_held(const FileId& id) const {
  return std::any_of(held_.begin(), held_.end(),
                     [&](const auto& held) { return file_id(*held->buffer.file) == id; });
}

/// Nothing of it is left that a start would have to find by that time: not in a file that was not
/// taken, nor in one whose state does not stand in it yet, nor in one that has lost its name.
bool Buffers::may_note_seen(const BufferConfig& config) const {
  return unknown_of(config).empty() && rotated_left(config).empty() &&
         std::all_of(held_.begin(), held_.end(), [&](const auto& held) {
           if (&held->config != &config) return true;
           const bool is_left = (held->replaced || held->rotated) && !held->pipe->drained();
           return held->buffer.checkpoint->is_stored() && !is_left;
         });
}

/// Once that may be. The lock file of a quarantine is that of its buffer.
void Buffers::note_seen(const BufferConfig& config) {
  unnoted_.erase(&config);
  const auto looked = looked_.find(&config);
  if (is_quarantine(config) || looked == looked_.end()) return;
  if (!may_note_seen(config)) {
    unnoted_.insert(&config);
    return;
  }
  const auto counts = note_look(LockFile::path_for(config.path), looked->second);
  if (const auto seen = seen_.find(&config); seen != seen_.end()) seen->second.second = counts;
}

/// Files may have come and gone under the name, and the one that was open be back: a last look. All
/// that was renamed by now was seen to be, if the path still leads to the file.
void Buffers::note_seen_at_end(const Held& held) {
  const auto now = filesystem_now();
  const auto same = held.buffer.file->same_file_as_path();
  if (held.replaced || held.rotated || !same || !*same || is_quarantine(held.config)) return;
  search_for_rotated(static_cast<std::size_t>(&held.config - config_.buffers.data()));
  looked_[&held.config] = now;
  note_seen(held.config);
}

// A few at a time, however many there are: each has descriptors of its own.
void Buffers::take_rotated(TimePoint now) {
  if (now < rotated_due_) return;
  for (auto at = rotated_.begin(); at != rotated_.end();) {
    const auto index = at->index;
    const auto& config = config_.buffers[index];
    if (!has_place_for(config)) {
      ++at;
      continue;
    }
    const auto taken = take_rotated(*at, now);
    if (taken == Taken::undecided) {
      rotated_due_ = now + kRetryDelay;
      return;
    }
    at = rotated_.erase(at);
    if (taken == Taken::moved) return look_for_rotated(index);
    note_seen(config);
  }
}

/// Each buffer has one, whatever the others wait for.
bool Buffers::has_place_for(const BufferConfig& config) const {
  constexpr std::ptrdiff_t kAtOnceMax = 16;
  const auto open = [&](auto counts) { return std::count_if(held_.begin(), held_.end(), counts); };
  return open([](const auto& held) { return held->rotated; }) < kAtOnceMax ||
         open([&](const auto& held) { return held->rotated && &held->config == &config; }) == 0;
}

Buffers::Taken Buffers::take_rotated(RotatedFile& file, TimePoint now) {
  const auto& config = config_.buffers[file.index];
  if (file.has_moved()) return Taken::moved;
  const Opening opening{config_.fence, &file.request, file.path, config_.once};
  const auto failure =
      open_one(config, parts_.metrics.buffers[file.index], opening, now, parts_.log);
  if (failure && file.request.is_undecided()) return Taken::undecided;
  if (failure) {
    not_taken_[&config].insert(file.path);
    parts_.log.warning("{}: {} was this buffer once; it is not forwarded: {}", config.path,
                       file.path, failure->text);
    return Taken::no;
  }
  not_taken_[&config].erase(file.path);
  auto& held = *held_.back();
  if (config_.once) (void)held.pipe->limit_to_present();
  const auto left = bytes_behind_front(*held.buffer.file);
  if (left && *left == 0) {
    parts_.log.info("{}: {} was this buffer, and a producer may still have it open: it is read "
                    "until none has",
                    config.path, file.path);
    return Taken::yes;
  }
  parts_.log.warning(
      "{}: {} was this buffer, and holds {} bytes behind what is known to be delivered: they are "
      "forwarded now. Do not rotate a buffer: it frees itself",
      config.path, file.path, left ? *left : 0);
  return Taken::yes;
}

// Nobody has it open for writing. One that is found at a start may have lost its last writer long
// ago; to one that has just lost its name somebody may come yet. Where the kernel does not tell,
// none has come for a while.
bool Buffers::is_quiet(Held& held, TimePoint now) {
  const bool is_long = now >= held.busy + kQuietMin;
  if (!is_long && (!held.rotated || held.pipe->has_work_left())) return false;
  auto& file = *held.buffer.file;
  file.stop_writing();
  const auto nobody = file.nobody_writes();
  if (!file.open_for_writing()) return false;
  return nobody ? *nobody : is_long;
}

// For whoever rotates it.
std::string Buffers::where_to(const Held& held) {
  const auto name = new_name_of(*held.buffer.file);
  if (!name) return other_name_of(*held.buffer.file);
  const auto* later = is_looked_for(*name, *held.buffer.file, held.config)
                          ? ", and a later start finds it there"
                          : ", where no later start looks for it: forward it too (-b) then";
  return " (it is " + *name + " now" + later + "; do not rotate a buffer: it frees itself)";
}

/// What has become of a file that lost its name, and what becomes of what it holds.
std::string Buffers::fate_of(const Held& held) {
  auto& checkpoint = *held.buffer.checkpoint;
  const auto facts = held.buffer.file->facts();
  const auto end = checkpoint.space().end();
  if (!facts || !end || facts->has_name)
    return "deleted or renamed" + where_to(held) + "; what it holds is still forwarded";
  const auto bytes = *end - std::min(*end, checkpoint.front());
  if (bytes == 0) return "deleted; nothing waits in it";
  return "deleted; what waits in it (" + counted(bytes, "byte") +
         ") is still forwarded: a stop saves what is left of it beside it, a kill -9 or a power "
         "cut loses that";
}

void Buffers::tell_of_new_name(const Held& held) {
  auto& file = *held.buffer.file;
  const auto same = file.same_file_as_path();
  const auto name = new_name_of(file);
  if (!held.replaced && same && *same) return;
  if (held.pipe->drained()) return;
  if (!name) {
    const auto other = other_name_of(file);
    if (other.empty()) return;
    return parts_.log.error("{}: was deleted with data in it that is not delivered{}",
                            held.config.path, other);
  }
  if (!is_looked_for(*name, file, held.config)) {
    return parts_.log.warning(
        "{}: was renamed with data in it that is not delivered: forward {} too", held.config.path,
        *name);
  }
  parts_.log.warning("{}: {} holds data of it that is not delivered: the next start forwards it",
                     held.config.path, *name);
}

}  // namespace punchline
