#include "agent/host/held_file.h"

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <system_error>
#include <utility>

#include <fcntl.h>
#include <sys/stat.h>

#include "agent/config/key_sources.h"
#include "agent/core/key_rule.h"
#include "agent/host/last_look.h"
#include "agent/host/rotated.h"
#include "buffer/base/counted.h"
#include "buffer/base/timestamp.h"
#include "buffer/crc32c.h"
#include "buffer/stored_state.h"

namespace punchline {
namespace {

using namespace std::chrono_literals;

constexpr Duration kSettleDelay = 1s;
constexpr Duration kQuietMin = 60s;  // a producer may still have the file open

/// The name that a file has by now. Empty if it has none, or none that is seen here: of two hard
/// links, the one by which it was opened may be gone.
std::optional<std::string> new_name_of(PosixFile& file) {
  const auto facts = file.facts();
  if (!facts || !facts->has_name) return std::nullopt;
  std::error_code none;
  const auto name = std::filesystem::read_symlink(file.descriptor().link(), none).string();
  struct stat found {};
  if (none || ::stat(name.c_str(), &found) < 0 || found.st_ino != facts->inode) return std::nullopt;
  return name;
}

/// Text about a file that has a name, but none that is known here. Empty if it has no name at all.
std::string other_name_of(PosixFile& file) {
  const auto facts = file.facts();
  if (!facts || !facts->has_name) return "";
  return " (it has another name, a hard link of inode " + std::to_string(facts->inode) +
         ", where nobody looks for it: find it, and forward it with run --once -b)";
}

}  // namespace

HeldFile::HeldFile(const BufferConfig& of, BufferMetrics& shown_in, Log& told_to, bool is_rotated,
                   TimePoint now)
    : config(of),
      metrics(shown_in),
      log(told_to),
      keys(make_key_source(of)),
      rotated(is_rotated),
      replaced(is_rotated),
      busy(now) {
  if (config.is_quarantine) return;
  quarantine = std::make_unique<QuarantineFile>(config.path,
                                                PosixFile::Creation{config.mode, config.group});
}

std::optional<OpenFailure> HeldFile::open(const Opening& opening, Log& opening_log) {
  opened = filesystem_now();
  if (auto failure = open_buffer(config, opening, opening_log, buffer)) return failure;
  if (auto failure = find_old_keys()) return failure;
  losses = std::make_unique<LossAccount>(*buffer.file, metrics);
  if (buffer.lost_bytes > 0) losses->add_unread(LossReason::truncated, buffer.lost_bytes);
  return std::nullopt;
}

// Records that wait keep their keys. Otherwise they could come to a partition that has later
// records.
std::optional<OpenFailure> HeldFile::find_old_keys() {
  const auto& spread = buffer.checkpoint->spread();
  const auto rule = key_rule_of(config);
  if (spread.stripe_bytes == 0 || spread.key_rule == rule) return std::nullopt;
  auto before = config;
  if (set_key_rule(before, spread.key_rule)) {
    old_keys = make_key_source(before);
    return std::nullopt;
  }
  const auto left = bytes_behind_front(*buffer.file);
  const bool is_free = config.order == Order::relaxed || (left && *left == 0) ||
                       spread.topic_checksum != crc32c(config.topic);
  if (is_free) return std::nullopt;
  return OpenFailure{ExitCode::config,
                     config.path +
                         ": key_constant or key_json is another than when what waits in it was "
                         "first sent, and too long to be remembered: set it as it was until that "
                         "is delivered, or order to relaxed"};
}

std::optional<std::unique_ptr<Checkpoint>> HeldFile::settle_anew(TimePoint now) {
  auto checkpoint = settle_again(config, *buffer.file, settled_anew ? nullptr : &log);
  if (checkpoint) return std::move(*checkpoint);
  log.error("{}: {}; trying again", config.path, checkpoint.error().message());
  anew_due = now + kSettleDelay;
  return std::nullopt;
}

void HeldFile::look_at_name(TimePoint now, bool once) {
  if (!buffer.is_named && buffer.checkpoint->attributes_supported())
    buffer.is_named = note_name(config, once, *buffer.file).ok();
  if (replaced) tell_if_gone();
  if (rotated) return;
  const auto same = buffer.file->same_file_as_path();
  if (!same || *same != replaced) return;
  replaced = !*same;
  busy = now;
  if (*same) return log.info("{}: has its name again", config.path);
  log.warning("{}: {}; a new file under the name is taken at once", config.path, fate());
  const auto facts = buffer.file->facts();
  is_gone_ = facts && !facts->has_name;
}

// The file had another name until now, by which a later start would have found it.
void HeldFile::tell_if_gone() {
  const auto facts = buffer.file->facts();
  if (is_gone_ || !facts || facts->has_name) return;
  is_gone_ = true;
  if (!pipe->drained()) log.warning("{}: {} was {}", config.path, buffer.file->path(), fate());
}

/// Where the file is now, as text for the operator who rotates it.
std::string HeldFile::where_to() const {
  const auto name = new_name_of(*buffer.file);
  if (!name) return other_name_of(*buffer.file);
  const auto* later = is_looked_for(*name, *buffer.file, config)
                          ? ", and a later start finds it there"
                          : ", where no later start looks for it: forward it with run --once -b then";
  return " (it is " + *name + " now" + later + "; do not rotate a buffer: it frees itself)";
}

/// What has become of a file that lost its name, and what becomes of the data in it.
std::string HeldFile::fate() const {
  auto& checkpoint = *buffer.checkpoint;
  const auto facts = buffer.file->facts();
  const auto end = checkpoint.space().end();
  if (!facts || !end || facts->has_name)
    return "deleted or renamed" + where_to() + "; what it holds is still forwarded";
  const auto bytes = *end - std::min(*end, checkpoint.front());
  if (bytes == 0) return "deleted; nothing waits in it";
  return "deleted; what waits in it (" + counted(bytes, "byte") +
         ") is still forwarded: a stop saves what is left of it beside it, a kill -9 or a power "
         "cut loses that";
}

void HeldFile::look_at_quarantine() {
  const auto path = quarantine_path(config.path);
  struct statx found {};
  if (::statx(AT_FDCWD, path.c_str(), AT_SYMLINK_NOFOLLOW, STATX_CTIME, &found) < 0) {
    quarantine_changed_ns_ = 0;
    return metrics.quarantine_bytes.set(0);
  }
  const auto changed = nanoseconds(found.stx_ctime);
  if (changed == std::exchange(quarantine_changed_ns_, changed)) return;
  const auto file = PosixFile::open(path);
  if (!file) return;
  if (const auto left = bytes_behind_front(**file)) metrics.quarantine_bytes.set(*left);
}

// Our own descriptors for writing are closed while the kernel is asked who has the file open for
// writing: it would count us, too.
bool HeldFile::is_quiet(TimePoint now) {
  const bool is_long = now >= busy + kQuietMin;
  if (!is_long && (!rotated || pipe->has_work_left())) return false;
  auto& file = *buffer.file;
  file.stop_writing();
  const auto nobody = file.nobody_writes();
  if (!file.open_for_writing()) return false;
  return nobody ? *nobody : is_long;
}

void HeldFile::tell_of_new_name() const {
  auto& file = *buffer.file;
  const auto same = file.same_file_as_path();
  const auto name = new_name_of(file);
  if (!replaced && same && *same) return;
  if (pipe->drained()) return;
  if (!name) {
    const auto other = other_name_of(file);
    if (other.empty()) return;
    return log.error("{}: was deleted with data in it that is not delivered{}", config.path, other);
  }
  if (!is_looked_for(*name, file, config)) {
    return log.warning("{}: was renamed with data in it that is not delivered: forward {} too, with run --once -b",
                       config.path, *name);
  }
  log.warning("{}: {} holds data of it that is not delivered: the next start forwards it",
              config.path, *name);
}

bool HeldFile::save_orphan(Source source) {
  auto& file = *buffer.file;
  auto& checkpoint = *buffer.checkpoint;
  const auto facts = file.facts();
  const auto end = checkpoint.space().end();
  if (!facts || !end) {
    log.error("{}: nobody knows whether it was deleted, and what it holds is not saved: {}",
              config.path, (facts ? end.error() : facts.error()).message());
    return false;
  }
  if (facts->has_name || *end <= checkpoint.front()) return true;
  // A file that is mounted alone, a container's, may be deleted elsewhere. Here it is still there
  // until it is unmounted.
  const auto same = file.same_file_as_path();
  if (same && *same) source = Source::kept;
  const auto path = orphan_path(config.path, to_string(checkpoint.state().uuid));
  if (source == Source::given_up && buffer.reserve != nullptr)
    (void)buffer.reserve->give_up();  // room for the copy
  const auto saved = save_rest(checkpoint, path, config, source);
  if (saved) {
    log.warning("{}: was deleted with data in it: that is in {} now; {}", config.path, *saved,
                how_to_forward(*saved, config));
    return true;
  }
  log.error("{}: was deleted, and what it holds cannot be saved: {}", config.path,
            saved.error().message());
  return false;
}

void HeldFile::note_losses_at_end() {
  if (losses->is_noted()) return;
  const auto file = PosixFile::open(config.path);
  const auto noted = !replaced ? losses->store_on(*buffer.file)
                     : file    ? losses->store_on(**file)
                               : Status(file.error());
  if (noted) return;
  log.error("{}: what was lost is not noted: {}", config.path, noted.error().message());
}

}  // namespace punchline
