#include "agent/host/buffers.h"

#include <algorithm>
#include <cerrno>
#include <span>
#include <utility>

#include <sys/stat.h>

#include "agent/host/last_look.h"
#include "buffer/base/counted.h"
#include "buffer/host.h"
#include "buffer/stored_state.h"

namespace punchline {
namespace {

using namespace std::chrono_literals;

constexpr Duration kLookDelay = 1s;
constexpr Duration kNamesDelay = 10ms;
constexpr Duration kRetryDelay = 1s;

/// A log that keeps its lines until it is clear whether they are news.
class Draft final : public Log {
 public:
  void write(LogLevel level, std::string_view text) override { lines_.emplace_back(level, text); }
  void say(Log& log) const {
    for (const auto& [level, text] : lines_)
      log.write(level, text);
  }

 private:
  std::vector<std::pair<LogLevel, std::string>> lines_;
};

}  // namespace

Buffers::Buffers(Parts parts, const Config& config) : parts_(parts), config_(config) {
  for (const auto& each : config.buffers) {
    entries_.push_back({each, parts.metrics.add_buffer(each.path, each.topic),
                        LockRequest(LockFile::path_for(each.path)),
                        RotatedSearch(each, config, parts.log)});
  }
}

/// Rotated files are looked for when all buffers have been tried, so that files which are open
/// already are known.
std::optional<OpenFailure> Buffers::open(TimePoint now) {
  std::vector<std::pair<Entry*, OpenFailure>> failures;
  for (auto& entry : entries_) {
    const Opening opening{config_.fence, nullptr, {}, config_.once};
    const auto failure = open_one(entry, opening, now, parts_.log);
    if (!failure) {
      tell_of_earlier(entry);
      continue;
    }
    if (config_.once) return failure;
    failures.emplace_back(&entry, *failure);
  }
  const bool any_open = !held_.empty();
  for (const auto& [entry, failure] : std::span(failures).subspan(any_open ? 0 : 1)) {
    note_failure(*entry, failure,
                 any_open ? "the others go on, and it is tried again each second"
                          : "no buffer can be opened");
  }
  if (!any_open) return failures.front().second;
  for (auto& entry : entries_)
    look_for_rotated(entry);
  take_rotated(now);
  return std::nullopt;
}

/// Logs what earlier runs set aside, left or lost, for the file that was opened last.
void Buffers::tell_of_earlier(const Entry& entry) {
  const auto& config = entry.config;
  if (const auto kept = set_aside_before(config))
    parts_.log.warning("{}: {}", config.path, kept->text());
  tell_of_orphans(config, parts_.log);
  const auto lost = noted_losses(*held_.back()->buffer.file);
  if (lost && is_any(*lost))
    parts_.log.warning("{}: lost in earlier runs: {}; {}", config.path, text_of(*lost),
                       kForgetLosses);
}

// True if the failure is news.
bool Buffers::note_failure(Entry& entry, const OpenFailure& failure, std::string_view then) {
  const auto& path = entry.config.path;
  const bool is_named = failure.text.find(path) != std::string::npos;
  const auto text = is_named ? failure.text : path + ": " + failure.text;
  if (text == entry.metrics.trouble.get()) return false;
  entry.metrics.trouble.set(text);
  parts_.log.error("{}; {}", text, then);
  return true;
}

std::optional<OpenFailure> Buffers::open_one(Entry& entry, const Opening& opening, TimePoint now,
                                             Log& log) {
  const bool rotated = !opening.path.empty();
  auto held = std::make_unique<HeldFile>(entry.config, entry.metrics, parts_.log, rotated, now);
  if (auto failure = held->open(opening, log)) return failure;
  add_pipe(*held, now);
  watch(*held);
  held_.push_back(std::move(held));
  return std::nullopt;
}

void Buffers::add_pipe(HeldFile& held, TimePoint now) {
  auto pipe = std::make_unique<Pipe>(
      Pipe::Parts{*held.buffer.file, *held.buffer.checkpoint, parts_.sink, parts_.pool,
                  held.metrics, *held.losses, parts_.log, held.quarantine.get(), held.keys.get(),
                  held.old_keys.get(), host_name(), held.buffer.reserve.get()},
      held.config, held.buffer.limits, parts_.forwarder.next_owner(), now);
  held.pipe = pipe.get();
  parts_.forwarder.add(std::move(pipe));
}

void Buffers::watch(const HeldFile& held) {
  if (!parts_.watch.available()) return;
  const auto id = held.pipe->owner();
  for (const auto& watched : {parts_.watch.add_name(id, held.config.path),
                              parts_.watch.add_file(id, *held.buffer.file)}) {
    if (watched) continue;
    parts_.log.warning("{}: not watched ({}): looking each second instead", held.config.path,
                       watched.error().message());
  }
}

void Buffers::wake(const std::vector<ChangeWatch::Id>& changed) {
  for (const auto& held : held_) {
    const auto id = held->pipe->owner();
    if (std::find(changed.begin(), changed.end(), id) != changed.end()) held->pipe->wake();
  }
  names_changed_ = names_changed_ || (parts_.watch.take_names_changed() && !config_.once);
}

// `run --once` does not wait for inotify at its end, so the sizes are looked at.
bool Buffers::wake_grown_quarantines() {
  bool any = false;
  for (auto& held : held_) {
    if (!held->config.is_quarantine) continue;
    const auto facts = held->buffer.file->facts();
    if (!facts || facts->size == std::exchange(held->size_woken, facts->size)) continue;
    held->pipe->wake();
    any = true;
  }
  return any;
}

void Buffers::look(TimePoint now) {
  for (auto& held : held_)
    if (held->pipe->shrunk() && now >= held->anew_due) follow_truncation(*held, now);
  take_rotated(now);
  if (names_changed_ && now >= names_due_) look_at_names(now);
  if (now < look_due_) return;
  look_due_ = now + kLookDelay;
  let_go_if([&](HeldFile& held) { return is_lost(held); });
  for (auto& held : held_) {
    held->look_at_quarantine();
    if (!config_.once) held->look_at_name(now, config_.once);
  }
  let_go_if([&](HeldFile& held) { return is_spent(held, now); });
  look_for_rotated_again(now);
  if (!config_.once) take_new_files(now, Missing::any);
}

// All files are judged before the first is let go, since judging one may mean looking at the
// others.
void Buffers::let_go_if(const std::function<bool(HeldFile&)>& is_done) {
  std::set<const HeldFile*> done;
  for (const auto& held : held_)
    if (is_done(*held)) done.insert(held.get());
  for (const auto* held : done) {
    parts_.watch.remove(held->pipe->owner());
    parts_.forwarder.remove(*held->pipe);
  }
  std::erase_if(held_, [&](const auto& held) { return done.contains(held.get()); });
}

// If another agent has taken the file over (W6), nothing in it may be noted or freed from here any
// more. A look that fails in another way proves nothing: a deleted file would be let go together
// with what waits in it.
bool Buffers::is_lost(HeldFile& held) {
  const auto ours = held.buffer.lock->look();
  if (ours || ours.error().kind() != ErrorKind::busy) return false;
  lost_one_ = true;
  entry_of(held).rotated.forget_look();
  const auto text = ours.error().message() + "; it is not forwarded from here any more";
  parts_.log.error("{}", text);
  held.metrics.set_state(BufferState::starting);
  if (!held.replaced) held.metrics.trouble.set(text);  // until it is opened again
  return true;
}

// The stored state does not fit the file any more, and the next start must not find it. So the
// state is settled anew at once, and once more when the reports for all that was in flight are in.
void Buffers::follow_truncation(HeldFile& held, TimePoint now) {
  if (!held.settled_anew) held.settled_anew = held.settle_anew(now).has_value();
  if (held.settled_anew && held.pipe->is_due_anew(now)) begin_anew(held, now);
}

// Reports that are still to come for the old pipe free nothing, and are ignored.
bool Buffers::begin_anew(HeldFile& held, TimePoint now) {
  auto checkpoint = held.settle_anew(now);
  if (!checkpoint) return false;
  held.settled_anew = false;
  held.pipe->give_up(LossReason::truncated);
  parts_.watch.remove(held.pipe->owner());
  parts_.forwarder.remove(*held.pipe);
  held.buffer.checkpoint = std::move(*checkpoint);
  add_pipe(held, now);
  watch(held);
  return true;
}

// Within a second a name may belong to another file, and then to yet another one. What is written
// into the file in between is seen only by looking at once.
void Buffers::look_at_names(TimePoint now) {
  names_changed_ = false;
  names_due_ = now + kNamesDelay;
  for (auto& held : held_)
    held->look_at_name(now, config_.once);
  take_new_files(now, Missing::renamed);
}

void Buffers::take_new_files(TimePoint now, Missing which) {
  for (auto& entry : entries_) {
    if (file_of(entry, false) || (which == Missing::renamed && !file_of(entry, true))) continue;
    Draft draft;
    const Opening opening{config_.fence, &entry.request, {}, config_.once};
    const auto failure = open_one(entry, opening, now, draft);
    if (failure && entry.request.is_undecided()) continue;
    if (failure) {
      if (note_failure(entry, *failure, "trying again each second")) draft.say(parts_.log);
      continue;
    }
    draft.say(parts_.log);
    auto& trouble = entry.metrics.trouble;
    if (!trouble.get().empty()) tell_of_earlier(entry);
    trouble.set("");
    look_for_rotated(entry);
  }
}

/// The open file that has its buffer's name, or one that has lost it (`replaced`). nullptr if none
/// is open.
const HeldFile* Buffers::file_of(const Entry& entry, bool replaced) const {
  const auto found = std::find_if(held_.begin(), held_.end(), [&](const auto& held) {
    return &held->config == &entry.config && held->replaced == replaced;
  });
  return found == held_.end() ? nullptr : found->get();
}

bool Buffers::is_spent(HeldFile& held, TimePoint now) {
  const auto facts = held.buffer.file->facts();
  const bool has_grown = facts && std::exchange(held.size_seen, facts->size) != facts->size;
  if (has_grown || held.pipe->has_work_left()) held.busy = now;
  if (!held.replaced || !held.is_quiet(now)) return false;
  held.pipe->finish(now);
  if (!held.save_orphan(Source::kept)) {
    held.busy = now;  // again in a while
    return false;
  }
  const auto unfinished = held.pipe->unfinished_bytes();
  parts_.log.info("{}: {} is delivered and quiet: let go{}", held.config.path,
                  held.rotated ? held.buffer.file->path() : "the file that lost its name",
                  unfinished == 0 ? ""
                                  : "; " + counted(unfinished, "byte") +
                                        " at its end are no whole record, and stay there");
  entry_of(held).rotated.note_later();
  return true;
}

bool Buffers::finish(TimePoint now) {
  bool all = true;
  for (auto& held : held_) {
    held->pipe->finish(now);
    if (held->pipe->shrunk()) finish_anew(*held, now);
    held->tell_of_new_name();
    const bool saved = held->save_orphan(Source::given_up);
    const bool may_have_name = !held->replaced && !held->buffer.file->facts();
    if (!saved && !may_have_name) held->pipe->give_up(LossReason::deleted);
    all = saved && all;
    held->note_losses_at_end();
    look_at_end(*held);
  }
  return all;
}

void Buffers::finish_anew(HeldFile& held, TimePoint now) {
  if (!begin_anew(held, now)) return held.pipe->give_up(LossReason::truncated);
  held.pipe->finish(now);
}


// Done at a start, and when a file was replaced: that may have happened twice since the last look.
void Buffers::look_for_rotated(Entry& entry) {
  const auto* live = file_of(entry, false);
  entry.rotated.look(known_files(), live ? std::optional(live->opened) : std::nullopt);
  note_look(entry);
}

/// Looks again at what could not be looked at before, and notes what could not be noted.
void Buffers::look_for_rotated_again(TimePoint now) {
  for (auto& entry : entries_) {
    if (entry.rotated.is_unnoted()) note_look(entry);
    look_for_moved(entry);
    if (entry.rotated.is_due_again(now)) look_for_rotated(entry);
  }
}

/// Files that wait for their turn may get other names meanwhile, or lose theirs.
void Buffers::look_for_moved(Entry& entry) {
  const auto moved = entry.rotated.take_moved();
  if (moved.empty()) return;
  look_for_rotated(entry);
  const auto known = known_files();
  for (const auto& file : moved)
    if (known.count(file.id) == 0) entry.rotated.tell_of_gone(file);
}

/// Files may have come and gone under the name, and the file that was open may be back. If the path
/// still leads to that file, every file that was renamed by now has been seen.
void Buffers::look_at_end(const HeldFile& held) {
  const auto now = filesystem_now();
  const auto same = held.buffer.file->same_file_as_path();
  if (held.replaced || held.rotated || !same || !*same) return;
  auto& entry = entry_of(held);
  entry.rotated.look(known_files(), held.opened);
  entry.rotated.set_looked(now);
  note_look(entry);
}

/// Notes the time of the look, provided that no file is left that a start would have to find by
/// that time: none whose state is not stored on it yet, and none that has lost its name and is not
/// delivered.
void Buffers::note_look(Entry& entry) {
  entry.rotated.note(std::all_of(held_.begin(), held_.end(), [&](const auto& held) {
    if (&held->config != &entry.config) return true;
    const bool is_left = (held->replaced || held->rotated) && !held->pipe->drained();
    return held->buffer.checkpoint->is_stored() && !is_left;
  }));
}

/// The files that are forwarded already, or are about to be.
std::set<FileId> Buffers::known_files() const {
  std::set<FileId> known;
  for (const auto& held : held_)
    if (const auto id = file_id(*held->buffer.file)) known.insert(*id);
  for (const auto& entry : entries_)
    for (const auto& file : entry.rotated.waiting())
      known.insert(file.id);
  return known;
}

// A few files at a time, however many there are: each has descriptors of its own.
void Buffers::take_rotated(TimePoint now) {
  if (now < rotated_due_) return;
  for (auto& entry : entries_) {
    auto& waiting = entry.rotated.waiting();
    while (!waiting.empty() && has_place_for(entry, waiting.front(), now)) {
      const auto taken = take_rotated(entry, waiting.front(), now);
      if (taken == Taken::undecided) {
        rotated_due_ = now + kRetryDelay;
        break;
      }
      waiting.pop_front();
      if (taken == Taken::moved) {
        look_for_rotated(entry);
        break;
      }
      note_look(entry);
    }
  }
}

/// Each buffer can always have one, whatever the others wait for. Files of which nothing is left
/// stay for as long as somebody has them open, and take no place from those that hold something.
bool Buffers::has_place_for(const Entry& entry, const RotatedSearch::Waiting& file,
                            TimePoint now) const {
  constexpr std::ptrdiff_t kAtOnceMax = 16;
  constexpr std::ptrdiff_t kOpenMax = 256;
  struct Files {
    std::ptrdiff_t open = 0;
    std::ptrdiff_t at_work = 0;
  };
  Files all, own;
  const auto count = [](Files& files, bool is_at_work) {
    ++files.open;
    files.at_work += is_at_work ? 1 : 0;
  };
  for (const auto& held : held_) {
    if (!held->rotated) continue;
    const bool may_go_soon = now < held->busy + 2 * kLookDelay;
    const bool is_at_work = file.is_empty || held->pipe->has_work_left() || may_go_soon;
    count(all, is_at_work);
    if (&held->config == &entry.config) count(own, is_at_work);
  }
  if (own.open == 0) return true;
  return all.open < kOpenMax && (all.at_work < kAtOnceMax || own.at_work == 0);
}

Buffers::Taken Buffers::take_rotated(Entry& entry, RotatedSearch::Waiting& file, TimePoint now) {
  if (file.has_moved()) return Taken::moved;
  const auto& path = entry.config.path;
  const Opening opening{config_.fence, &file.request, file.path, config_.once};
  const auto failure = open_one(entry, opening, now, parts_.log);
  if (failure && file.request.is_undecided()) return Taken::undecided;
  entry.rotated.set_taken(file.path, !failure);
  if (failure) {
    parts_.log.warning("{}: {} was this buffer once; it is not forwarded: {}", path, file.path,
                       failure->text);
    return Taken::no;
  }
  const auto& held = *held_.back();
  if (config_.once) (void)held.pipe->limit_to_present();
  const auto left = bytes_behind_front(*held.buffer.file);
  if (left && *left == 0) {
    parts_.log.info("{}: {} was this buffer, and a producer may still have it open: it is read "
                    "until none has",
                    path, file.path);
    return Taken::yes;
  }
  parts_.log.warning(
      "{}: {} was this buffer, and holds {} bytes behind what is known to be delivered: they are "
      "forwarded now. Do not rotate a buffer: it frees itself",
      path, file.path, left ? *left : 0);
  return Taken::yes;
}

bool Buffers::has_rotated_left() const {
  return std::any_of(entries_.begin(), entries_.end(),
                     [](const auto& entry) { return entry.rotated.has_waiting(); });
}

bool Buffers::has_untaken() const {
  return std::any_of(entries_.begin(), entries_.end(), [](const auto& entry) {
    return entry.rotated.has_unknown() || entry.rotated.has_untaken();
  });
}

bool Buffers::has_unread() const {
  return std::any_of(entries_.begin(), entries_.end(), [&](const auto& entry) {
    return entry.rotated.has_waiting() || entry.rotated.has_unknown() ||
           !unread_under_name(entry.config).empty();
  });
}

bool Buffers::tell_of_unread() const {
  bool any = false;
  for (const auto& entry : entries_) {
    any = entry.rotated.tell_of_rest() || any;
    const auto unread = config_.once ? "" : unread_under_name(entry.config);
    if (unread.empty()) continue;
    any = true;
    parts_.log.warning("{}: not delivered, stays in the buffer: {}", entry.config.path, unread);
  }
  return any;
}

/// How much waits in the file that has the buffer's name and is not open here: a buffer that could
/// not be opened, or one that has come since the last look. Empty if nothing waits.
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

bool Buffers::is_held(const FileId& id) const {
  return std::any_of(held_.begin(), held_.end(),
                     [&](const auto& held) { return file_id(*held->buffer.file) == id; });
}

Buffers::Entry& Buffers::entry_of(const HeldFile& held) {
  return *std::find_if(entries_.begin(), entries_.end(),
                       [&](const auto& entry) { return &entry.config == &held.config; });
}

}  // namespace punchline
