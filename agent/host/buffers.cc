#include "agent/host/buffers.h"

#include <algorithm>
#include <filesystem>
#include <span>
#include <system_error>
#include <utility>

#include <fcntl.h>
#include <sys/stat.h>

#include "agent/config/key_sources.h"
#include "agent/core/key_rule.h"
#include "buffer/base/counted.h"
#include "buffer/base/timestamp.h"
#include "buffer/crc32c.h"
#include "buffer/host.h"

namespace punchline {
namespace {

using namespace std::chrono_literals;

constexpr Duration kLookDelay = 1s;
constexpr Duration kNamesDelay = 10ms;

/// Keeps what is said until it is clear whether it is news.
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

std::optional<OpenFailure> Buffers::open(TimePoint now) {
  std::vector<std::pair<std::size_t, OpenFailure>> failures;
  for (std::size_t i = 0; i < config_.buffers.size(); ++i) {
    const auto& config = config_.buffers[i];
    auto& metrics = parts_.metrics.add_buffer(config.path, config.topic);
    const Opening opening{config_.fence, nullptr, {}, config_.once};
    const auto failure = open_one(config, metrics, opening, now, parts_.log);
    if (!failure) {
      tell_of_earlier(*held_.back());
      continue;
    }
    if (config_.once) return failure;
    failures.emplace_back(i, *failure);
  }
  const bool any_open = !held_.empty();
  for (const auto& [i, failure] : std::span(failures).subspan(any_open ? 0 : 1)) {
    note_failure(i, failure,
                 any_open ? "the others go on, and it is tried again each second"
                          : "no buffer can be opened");
  }
  if (!any_open) return failures.front().second;
  for (std::size_t i = 0; i < config_.buffers.size(); ++i)
    look_for_rotated(i);
  take_rotated(now);
  return std::nullopt;
}

void Buffers::tell_of_earlier(const Held& held) {
  const auto& config = held.config;
  if (const auto kept = set_aside_before(config))
    parts_.log.warning("{}: {}", config.path, kept->text());
  tell_of_orphans(config, parts_.log);
  const auto lost = noted_losses(*held.buffer.file);
  if (lost && is_any(*lost))
    parts_.log.warning("{}: lost in earlier runs: {}; {}", config.path, text_of(*lost),
                       kForgetLosses);
}

// True: it is news.
bool Buffers::note_failure(std::size_t index, const OpenFailure& failure, std::string_view then) {
  auto& buffer = parts_.metrics.buffers[index];
  const bool is_named = failure.text.find(buffer.path) != std::string::npos;
  const auto text = is_named ? failure.text : buffer.path + ": " + failure.text;
  if (text == buffer.trouble.get()) return false;
  buffer.trouble.set(text);
  parts_.log.error("{}; {}", text, then);
  return true;
}

std::optional<OpenFailure> Buffers::open_one(const BufferConfig& config, BufferMetrics& metrics,
                                             const Opening& opening, TimePoint now, Log& log) {
  const bool rotated = !opening.path.empty();
  const auto before = filesystem_now();
  auto held = std::make_unique<Held>(
      Held{config, metrics, make_key_source(config), {}, {}, {}, nullptr, rotated, rotated, now});
  if (!config.is_quarantine) {
    held->quarantine = std::make_unique<QuarantineFile>(
        config.path, PosixFile::Creation{config.mode, config.group});
  }
  if (auto failure = open_buffer(config, opening, log, held->buffer)) return failure;
  if (auto failure = find_old_keys(*held)) return failure;
  held->losses = std::make_unique<LossAccount>(*held->buffer.file, metrics);
  if (const auto lost = held->buffer.lost_bytes; lost > 0)
    held->losses->add_unread(LossReason::truncated, lost);
  held->opened = before;
  add_pipe(*held, now);
  watch(*held);
  held_.push_back(std::move(held));
  return std::nullopt;
}

// What waits keeps the keys by which it was first sent, or it could come to a partition that has
// later records.
std::optional<OpenFailure> Buffers::find_old_keys(Held& held) {
  const auto& spread = held.buffer.checkpoint->spread();
  const auto rule = key_rule_of(held.config);
  if (spread.stripe_bytes == 0 || spread.key_rule == rule) return std::nullopt;
  auto before = held.config;
  if (set_key_rule(before, spread.key_rule)) {
    held.old_keys = make_key_source(before);
    return std::nullopt;
  }
  const auto left = bytes_behind_front(*held.buffer.file);
  const bool is_free = held.config.order == Order::relaxed || (left && *left == 0) ||
                       spread.topic_checksum != crc32c(held.config.topic);
  if (is_free) return std::nullopt;
  return OpenFailure{ExitCode::config,
                     held.config.path +
                         ": key_constant or key_json is another than when what waits in it was "
                         "first sent, and too long to be remembered: set it as it was until that "
                         "is delivered, or order to relaxed"};
}

void Buffers::add_pipe(Held& held, TimePoint now) {
  auto pipe = std::make_unique<Pipe>(
      Pipe::Parts{*held.buffer.file, *held.buffer.checkpoint, parts_.sink, parts_.pool,
                  held.metrics, *held.losses, parts_.log, held.quarantine.get(), held.keys.get(),
                  held.old_keys.get(), host_name(), held.buffer.reserve.get()},
      held.config, held.buffer.limits, parts_.forwarder.next_owner(), now);
  held.pipe = pipe.get();
  parts_.forwarder.add(std::move(pipe));
}

void Buffers::watch(const Held& held) {
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

// Nobody waits for inotify at the end of `run --once`.
bool Buffers::wake_grown_quarantines() {
  bool any = false;
  for (auto& held : held_) {
    if (!held->config.is_quarantine) continue;
    const auto facts = held->buffer.file->facts();
    if (!facts || facts->size == std::exchange(held->size, facts->size)) continue;
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
  let_go_if([&](Held& held) { return is_lost(held); });
  for (auto& held : held_) {
    look_at_quarantine(*held);
    if (!config_.once) look_at_name(*held, now);
  }
  let_go_if([&](Held& held) { return is_spent(held, now); });
  look_for_rotated_again(now);
  if (!config_.once) take_new_files(now, Missing::any);
}

// All are judged before the first goes, since to judge one may mean to look at the others.
void Buffers::let_go_if(const std::function<bool(Held&)>& is_done) {
  std::set<const Held*> done;
  for (const auto& held : held_)
    if (is_done(*held)) done.insert(held.get());
  for (const auto* held : done) {
    parts_.watch.remove(held->pipe->owner());
    parts_.forwarder.remove(*held->pipe);
  }
  std::erase_if(held_, [&](const auto& held) { return done.contains(held.get()); });
}

// Where another agent has taken it over there is nothing here that may still be noted or freed. A
// look that fails otherwise says nothing: one that was deleted would be gone with what waits in it.
bool Buffers::is_lost(Held& held) {
  const auto ours = held.buffer.lock->look();
  if (ours || ours.error().kind() != ErrorKind::busy) return false;
  lost_one_ = true;
  looked_.erase(&held.config);  // what was seen is the other's to note
  unnoted_.erase(&held.config);
  parts_.log.error("{}; it is not forwarded from here any more", ours.error().message());
  held.metrics.set_state(BufferState::starting);
  return true;
}

// Its state is of another file by now, and must not be found by the next start: so that is settled
// at once, and once more when the reports for what was in flight are in.
void Buffers::follow_truncation(Held& held, TimePoint now) {
  if (!held.settled_anew) held.settled_anew = settle_anew(held, now).has_value();
  if (held.settled_anew && held.pipe->is_due_anew(now)) begin_anew(held, now);
}

std::optional<std::unique_ptr<Checkpoint>> Buffers::settle_anew(Held& held, TimePoint now) {
  auto checkpoint = settle_again(held.config, *held.buffer.file,
                                 held.settled_anew ? nullptr : &parts_.log);
  if (checkpoint) return std::move(*checkpoint);
  parts_.log.error("{}: {}; trying again", held.config.path, checkpoint.error().message());
  held.anew_due = now + kLookDelay;
  return std::nullopt;
}

// Reports that are still to come for the old pipe free nothing, and are heard no more.
bool Buffers::begin_anew(Held& held, TimePoint now) {
  auto checkpoint = settle_anew(held, now);
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

// A name may be another file's, and yet another's, within a second: what is written into the one
// between is seen only by who looks at once.
void Buffers::look_at_names(TimePoint now) {
  names_changed_ = false;
  names_due_ = now + kNamesDelay;
  for (auto& held : held_)
    look_at_name(*held, now);
  take_new_files(now, Missing::renamed);
}

void Buffers::look_at_name(Held& held, TimePoint now) {
  auto& buffer = held.buffer;
  if (!buffer.is_named && buffer.checkpoint->attributes_supported())
    buffer.is_named = note_name(held.config, config_.once, *buffer.file).ok();
  if (held.replaced) tell_if_gone(held);
  if (held.rotated) return;
  const auto same = held.buffer.file->same_file_as_path();
  if (!same || *same != held.replaced) return;
  held.replaced = !*same;
  held.busy = now;
  if (*same) return parts_.log.info("{}: has its name again", held.config.path);
  parts_.log.warning("{}: {}; a new file under the name is taken at once", held.config.path,
                     fate_of(held));
  const auto facts = held.buffer.file->facts();
  held.is_gone = facts && !facts->has_name;
}

// It had another name until now, by which a later start would have found it.
void Buffers::tell_if_gone(Held& held) {
  const auto facts = held.buffer.file->facts();
  if (held.is_gone || !facts || facts->has_name) return;
  held.is_gone = true;
  if (!held.pipe->drained())
    parts_.log.warning("{}: {} was {}", held.config.path, held.buffer.file->path(), fate_of(held));
}

// Requeue, or a pipe of its own, moves its front beside us.
void Buffers::look_at_quarantine(Held& held) {
  const auto path = quarantine_path(held.config.path);
  struct statx found {};
  if (::statx(AT_FDCWD, path.c_str(), AT_SYMLINK_NOFOLLOW, STATX_CTIME, &found) < 0) {
    held.quarantine_changed_ns = 0;
    return held.metrics.quarantine_bytes.set(0);
  }
  const auto changed = nanoseconds(found.stx_ctime);
  if (changed == std::exchange(held.quarantine_changed_ns, changed)) return;
  const auto file = PosixFile::open(path);
  if (!file) return;
  if (const auto left = bytes_behind_front(**file)) held.metrics.quarantine_bytes.set(*left);
}

void Buffers::take_new_files(TimePoint now, Missing which) {
  for (std::size_t i = 0; i < config_.buffers.size(); ++i) {
    const auto& config = config_.buffers[i];
    const auto is_held = [&](bool replaced) {
      return std::any_of(held_.begin(), held_.end(), [&](const auto& held) {
        return &held->config == &config && held->replaced == replaced;
      });
    };
    if (is_held(false) || (which == Missing::renamed && !is_held(true))) continue;
    Draft draft;
    auto& trouble = parts_.metrics.buffers[i].trouble;
    auto& request =
        requests_.try_emplace(&config, LockFile::path_for(config.path)).first->second;
    const Opening opening{config_.fence, &request, {}, config_.once};
    const auto failure = open_one(config, parts_.metrics.buffers[i], opening, now, draft);
    if (failure && request.is_undecided()) continue;
    if (failure) {
      if (note_failure(i, *failure, "trying again each second")) draft.say(parts_.log);
      continue;
    }
    draft.say(parts_.log);
    if (!trouble.get().empty()) tell_of_earlier(*held_.back());
    trouble.set("");
    look_for_rotated(i);
  }
}

bool Buffers::is_spent(Held& held, TimePoint now) {
  const auto facts = held.buffer.file->facts();
  const bool has_grown = facts && std::exchange(held.size_seen, facts->size) != facts->size;
  if (has_grown || held.pipe->has_work_left()) held.busy = now;
  if (!held.replaced || !is_quiet(held, now)) return false;
  held.pipe->finish(now);
  if (!save_orphan(held, Source::kept)) {
    held.busy = now;  // again in a while
    return false;
  }
  const auto unfinished = held.pipe->unfinished_bytes();
  parts_.log.info("{}: {} is delivered and quiet: let go{}", held.config.path,
                  held.rotated ? held.buffer.file->path() : "the file that lost its name",
                  unfinished == 0 ? ""
                                  : "; " + counted(unfinished, "byte") +
                                        " at its end are no whole record, and stay there");
  unnoted_.insert(&held.config);
  return true;
}

bool Buffers::finish(TimePoint now) {
  bool all = true;
  for (auto& held : held_) {
    held->pipe->finish(now);
    if (held->pipe->shrunk()) finish_anew(*held, now);
    tell_of_new_name(*held);
    const bool saved = save_orphan(*held, Source::given_up);
    const bool may_have_name = !held->replaced && !held->buffer.file->facts();
    if (!saved && !may_have_name) held->pipe->give_up(LossReason::deleted);
    all = saved && all;
    note_losses_at_end(*held);
    note_seen_at_end(*held);
  }
  return all;
}

void Buffers::finish_anew(Held& held, TimePoint now) {
  if (!begin_anew(held, now)) return held.pipe->give_up(LossReason::truncated);
  held.pipe->finish(now);
}

// On the file that has the name now, where one does: nobody finds the other any more.
void Buffers::note_losses_at_end(Held& held) {
  if (held.losses->is_noted()) return;
  const auto file = PosixFile::open(held.config.path);
  const auto noted = !held.replaced ? held.losses->store_on(*held.buffer.file)
                     : file         ? held.losses->store_on(**file)
                                    : Status(file.error());
  if (noted) return;
  parts_.log.error("{}: what was lost is not noted: {}", held.config.path, noted.error().message());
}

bool Buffers::save_orphan(Held& held, Source source) {
  auto& file = *held.buffer.file;
  auto& checkpoint = *held.buffer.checkpoint;
  const auto facts = file.facts();
  const auto end = checkpoint.space().end();
  if (!facts || !end) {
    parts_.log.error("{}: nobody knows whether it was deleted, and what it holds is not saved: {}",
                     held.config.path, (facts ? end.error() : facts.error()).message());
    return false;
  }
  if (facts->has_name || *end <= checkpoint.front()) return true;
  // Mounted alone (a container's), it is deleted elsewhere and still here, until it is unmounted.
  const auto same = file.same_file_as_path();
  if (same && *same) source = Source::kept;
  const auto path = orphan_path(held.config.path, to_string(checkpoint.state().uuid));
  if (source == Source::given_up && held.buffer.reserve != nullptr)
    (void)held.buffer.reserve->give_up();  // room for the copy
  const auto saved = save_rest(checkpoint, path, held.config, source);
  if (saved) {
    parts_.log.warning("{}: was deleted with data in it: that is in {} now; {}", held.config.path,
                       *saved, how_to_forward(*saved, held.config));
    return true;
  }
  parts_.log.error("{}: was deleted, and what it holds cannot be saved: {}", held.config.path,
                   saved.error().message());
  return false;
}

}  // namespace punchline
