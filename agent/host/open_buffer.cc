#include "agent/host/open_buffer.h"

#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <span>
#include <vector>

#include <sys/random.h>

#include "agent/host/folder.h"
#include "agent/host/rotated.h"
#include "agent/host/rotated_names.h"
#include "buffer/append_writer.h"
#include "buffer/base/result.h"
#include "buffer/boot.h"
#include "buffer/lines.h"
#include "buffer/quarantine.h"
#include "buffer/stored_state.h"

namespace punchline {
namespace {

using namespace std::chrono_literals;

OpenFailure failure(const Error& error) {
  return {exit_for(error), error.message()};
}

Uuid random_uuid() {
  Uuid uuid{};
  // getrandom(2) cannot fail for 16 bytes once the pool is initialised.
  (void)getrandom(uuid.data(), uuid.size(), 0);
  uuid[6] = static_cast<std::uint8_t>((uuid[6] & 0x0f) | 0x40);  // version 4, RFC 9562
  uuid[8] = static_cast<std::uint8_t>((uuid[8] & 0x3f) | 0x80);
  return uuid;
}

// XFS and btrfs write a range out before they punch it, so punches are fewer, larger and later
// there.
FreerLimits limits_for(const std::string& filesystem, const BufferConfig& config,
                        std::uint64_t block_bytes) {
  FreerLimits limits;
  limits.block_bytes = block_bytes;
  limits.unfreed_bytes_max = config.unfreed_bytes_max;
  limits.collapse.bytes_min = config.collapse_bytes_min;
  if (filesystem == "xfs" || filesystem == "btrfs") {
    limits.free_bytes_min = 1 << 20;
    limits.free_delay = 1s;
  }
  return limits;
}

void tell(const std::string& path, const StartReport& report, const Checkpoint& checkpoint,
          Log& log) {
  const auto level = report.lost_bytes > 0 ? LogLevel::error : LogLevel::warning;
  for (const auto& warning : report.warnings)
    log.write(level, fmt::format("{}: {}", path, warning));
  log.info("{}: {}, front {}, base {}, uuid {}{}{}", path, name_of(report.origin),
           checkpoint.front(), checkpoint.base(), to_string(checkpoint.state().uuid),
           report.fence_set ? ", fence set" : "",
           report.tail_closed ? ", unfinished last line closed" : "");
  if (report.collapsed_bytes > 0) {
    log.info("{}: a collapse by {} bytes that a crash had interrupted is carried to its end", path,
             report.collapsed_bytes);
  }
  if (report.taken_back_bytes > 0) {
    log.info("{}: {} bytes behind what was synced before the boot are taken up again", path,
             report.taken_back_bytes);
  }
}

// If a quota is used up, no file can be made beside the buffer.
Result<ProbeReport> probe_for(const BufferConfig& config, const PosixFile& file, Log& log) {
  if (is_mounted_alone(file)) return probe_file(file);
  auto probe = probe_folder(folder_of(config.path));
  if (probe) return probe;
  log.warning("{}: its filesystem could not be tried out: {}", config.path,
              probe.error().message());
  return probe_file(file);
}

void prepare_reserve(const BufferConfig& config, const std::string& filesystem,
                     OpenBuffer& opened) {
  if (!ReserveFile::is_needed_on(filesystem) || is_mounted_alone(*opened.file)) return;
  auto creation = opened.file->creation_alike();
  if (!creation) return;
  creation->mode = 0600;
  opened.reserve = std::make_unique<ReserveFile>(ReserveFile::path_for(config.path), *creation);
}

std::optional<OpenFailure> check_filesystem(const BufferConfig& config, OpenBuffer& opened,
                                            Log& log) {
  const auto facts = opened.file->facts();
  if (!facts) return failure(facts.error());
  const auto probe = probe_for(config, *opened.file, log);
  if (!probe) {
    opened.limits = limits_for("", config, facts->block_bytes);
    return std::nullopt;
  }
  opened.limits = limits_for(probe->filesystem, config, facts->block_bytes);
  prepare_reserve(config, probe->filesystem, opened);
  if (const auto folder = forgetful_folder(*opened.file); folder && !config.is_quarantine)
    log.warning("{}: {}", config.path, forgotten_quarantine(config.path, *folder));
  // On a full disk collapsing could not be tried. The kernel will say whether it can when it comes
  // to that.
  if (!probe->collapse.missing()) {
    opened.limits.collapse.unit_bytes = std::max(probe->collapse_unit_bytes, facts->block_bytes);
  }
  if (probe->punch.missing()) {
    return OpenFailure{ExitCode::config,
                       config.path + ": punching holes " + probe->punch.sentence};
  }
  if (probe->appends.missing()) log.error("{}: appends {}", config.path, probe->appends.sentence);
  if (probe->holes.missing())
    log.warning("{}: finding holes {}", config.path, probe->holes.sentence);
  if (probe->attributes.missing())
    log.warning("{}: keeping extended attributes {}", config.path, probe->attributes.sentence);
  if (probe->punch.answer == Capability::Answer::unknown) {
    log.warning("{}: punching holes {}", config.path, probe->punch.sentence);
  }
  return std::nullopt;
}

std::optional<OpenFailure> take_lock(const BufferConfig& config, const Opening& opening, Log& log,
                                     OpenBuffer& opened) {
  LockRequest own(LockFile::path_for(config.path));
  auto& request = opening.request != nullptr ? *opening.request : own;
  auto lock = request.attempt(*opened.file, LockRequest::Clock::now());
  if (opening.request == nullptr && own.is_undecided()) {
    log.info("{}", lock.error().message());
    lock = own.wait(*opened.file);
  }
  if (!lock) return failure(lock.error());
  opened.lock = std::move(*lock);
  opened.file->guard_with(opened.lock.get());
  for (const auto& warning : opened.lock->warnings())
    log.warning("{}: {}", config.path, warning);
  return std::nullopt;
}

// For writers and readers in other processes. The default needs no attribute.
void note_limits(const BufferConfig& config, OpenBuffer& opened, Log& log) {
  if (!opened.checkpoint->attributes_supported()) return;
  const auto standing = opened.file->attribute(kLimitsAttribute);
  const bool blocks = config.when_full == WhenFull::block && config.bytes_max > 0;
  // A block is freed only as a whole. With less, writers would wait for ever for done bytes in the
  // last one.
  const auto held_min = 2 * opened.limits.block_bytes;
  const WriterLimits limits{config.record_bytes_max,
                            blocks ? std::max(config.bytes_max, held_min) : 0};
  const bool is_default = limits == WriterLimits{};
  if (is_default && standing && !standing->has_value()) return;
  const auto noted = is_default ? opened.file->remove_attribute(kLimitsAttribute)
                                : opened.file->set_attribute(kLimitsAttribute, text_of(limits));
  if (noted) return;
  log.warning("{}: the limit for writers could not be noted: {}", config.path,
              noted.error().message());
}

// Blocks that have just been given up can be had only when the filesystem has noted that. So a sync
// comes before each new try. `at`: the size of the copy before.
Status append_patiently(BufferFile& copy, std::uint64_t at, std::span<const char> bytes) {
  constexpr int kTries = 3;
  for (int tries = 1;; ++tries) {
    const auto added = copy.append(bytes);
    if (added || added.error().kind() != ErrorKind::no_space || tries == kTries) return added;
    if (const auto synced = copy.sync_all(); !synced) return synced;
    const auto facts = copy.facts();
    if (!facts) return facts.error();
    bytes = bytes.subspan(facts->size - at);
    at = facts->size;
  }
}

// Appends the bytes above the front to `copy`, with holes cut to kGapBytesMin. Returns the fences
// as positions in the copy.
Result<std::vector<Position>> copy_behind(Checkpoint& checkpoint, BufferFile& copy,
                                          Source source) {
  auto& space = checkpoint.space();
  std::vector<Position> fences;
  std::vector<char> piece(256 * 1024);
  auto from = checkpoint.front();
  std::uint64_t written = 0;
  for (;;) {
    const auto data = space.next_data(from);
    if (!data) return data.error();
    const auto end = space.end();
    if (!end) return end.error();
    if (from >= *end) return fences;
    const auto hole_end = data->value_or(*end);
    const auto hole = hole_end - from;
    std::fill(piece.begin(), piece.end(), '\0');
    std::size_t bytes = std::min<std::uint64_t>(hole, kGapBytesMin);
    if (hole == 0) {
      const auto read = space.read_at(from, piece);
      if (!read) return read.error();
      bytes = *read;
    }
    const auto next = hole == 0 ? from + bytes : hole_end;
    for (const auto fence : checkpoint.fences()) {
      if (fence <= from || fence > next) continue;
      fences.emplace_back(written + std::min<std::uint64_t>(fence - from, bytes));
    }
    const auto added = append_patiently(copy, written, std::span<const char>(piece).first(bytes));
    if (!added) return added.error();
    if (source == Source::given_up) (void)space.punch({from, next});  // room for what comes
    written += bytes;
    from = next;
  }
}

// Takes a name that is free: another buffer's data may wait in a file of this name.
Result<std::unique_ptr<PosixFile>> create_anew(const std::string& path,
                                               const BufferConfig& config) {
  for (int number = 1;; ++number) {
    const auto name = number == 1 ? path : path + "-" + std::to_string(number);
    const auto created = PosixFile::create_if_missing(name, {config.mode, config.group});
    if (!created) return created.error();
    if (*created) return PosixFile::open(name);
  }
}

Status copy_rest(Checkpoint& checkpoint, PosixFile& copy, Source source) {
  const auto fences = copy_behind(checkpoint, copy, source);
  if (!fences) return fences.error();
  const auto facts = copy.facts();
  if (!facts) return facts.error();
  // The salts and fences come first, as at each store: a state says that they are there.
  if (checkpoint.format() == Format::frames) {
    auto salts = checkpoint.salts();
    salts.push_back(checkpoint.state().identity);
    const auto set = copy.set_attribute(kSaltsAttribute, encode_salts(salts));
    if (!set) return set;
  }
  if (!fences->empty()) {
    const auto set = copy.set_attribute(kFencesAttribute, encode_fences(*fences));
    if (!set) return set;
  }
  // The state comes from no boot. So a start sets a fence at the end of the copy, and reads it
  // carefully.
  State state;
  state.uuid = random_uuid();
  state.format = checkpoint.format();
  state.identity = fold_identity(facts->inode, facts->birth_ns);
  if (const auto set = copy.set_attribute(kStateAttribute, encode(state)); !set) return set;
  return copy.sync_all();
}

}  // namespace

Result<StartFacts> start_facts(bool force_fence) {
  const auto id = boot_id();
  if (!id) return id.error();
  const auto began = boot_time_ns();
  if (!began) return began.error();
  const auto now = wall_time_ns();
  if (!now) return now.error();
  return StartFacts{.boot = fold_boot_id(*id),
                    .boot_time_ns = *began,
                    .now_ns = *now,
                    .fresh_uuid = random_uuid(),
                    .force_fence = force_fence};
}

std::optional<QuarantineContents> set_aside_before(const BufferConfig& config) {
  if (config.is_quarantine || !config.dead_letter_topic.empty()) return std::nullopt;
  const auto facts = start_facts(false);
  return facts ? look_into_quarantine(config.path, *facts) : std::nullopt;
}

// The file is opened for writing only after Checkpoint::start(), which closes an unfinished tail
// only if nobody has the file open for writing, ourselves included.
std::optional<OpenFailure> open_buffer(const BufferConfig& config, const Opening& opening, Log& log,
                                       OpenBuffer& opened) {
  const auto& path = opening.path.empty() ? config.path : opening.path;
  if (opening.path.empty()) {
    const auto created = PosixFile::create_if_missing(path, {config.mode, config.group});
    if (!created) return failure(created.error());
    if (*created) log.info("{}: created", path);
  }
  auto file = PosixFile::open(path);
  if (!file) return failure(file.error());
  opened.file = std::move(*file);
  if (auto unlocked = take_lock(config, opening, log, opened)) return unlocked;
  if (auto unfit = check_filesystem(config, opened, log)) return unfit;
  if (!opened.lock->allows_collapse()) opened.limits.collapse.unit_bytes = 0;

  const auto facts = start_facts(opening.force_fence);
  if (!facts) return failure(facts.error());
  opened.checkpoint = std::make_unique<Checkpoint>(*opened.file, *facts);
  const auto report = opened.checkpoint->start();
  if (!report) return failure(report.error());
  // An older program may have begun before the version of the state told it not to (W7).
  if (Lock::is_held_by_older(*opened.file)) {
    return OpenFailure{ExitCode::temporary, path + " is locked by an older program"};
  }
  tell(path, *report, *opened.checkpoint, log);
  opened.lost_bytes = report->lost_bytes;
  if (const auto writable = opened.file->open_for_writing(); !writable) {
    return failure(writable.error());
  }
  note_limits(config, opened, log);
  opened.is_named = note_name(config, opening.by_hand, *opened.file).ok();
  return std::nullopt;
}

Result<std::unique_ptr<Checkpoint>> settle_again(const BufferConfig& config, PosixFile& file,
                                                 Log* log) {
  auto facts = start_facts(false);
  if (!facts) return facts.error();
  facts->truncated = true;  // it may have grown beyond its old front again by now
  auto checkpoint = std::make_unique<Checkpoint>(file, *facts);
  file.stop_writing();  // an unfinished tail is closed only where nobody writes
  const auto report = checkpoint->start();
  if (const auto writable = file.open_for_writing(); !writable) return writable.error();
  if (!report) return report.error();
  if (log != nullptr) tell(config.path, *report, *checkpoint, *log);
  return checkpoint;
}

void tell_of_orphans(const BufferConfig& config, Log& log) {
  const auto prefix = std::filesystem::path(orphan_path(config.path, "")).filename().string();
  const auto folder = folder_of(config.path);
  const auto listed = visit_folder(folder, [&](const std::filesystem::path& entry) {
    if (!entry.filename().string().starts_with(prefix)) return;
    const auto path = entry.string();
    if (const auto unpacker = unpacker_of(path); !unpacker.empty()) {
      log.warning("{}: what a deleted buffer of this name held is in {}, which somebody has "
                  "compressed: unpack it ({} {}) and forward that, -b",
                  config.path, path, unpacker, path);
      return;
    }
    const auto file = PosixFile::open(path);
    const auto left = file ? bytes_behind_front(**file) : file.error();
    if (left && *left == 0) return;
    log.warning("{}: what a deleted buffer of this name held is in {}: {}", config.path, path,
                left ? how_to_forward(path, config) : left.error().message());
  });
  if (!listed) {
    log.warning("{}: whether its folder holds what is left of deleted buffers is not known: {}",
                config.path, listed.error().message());
  }
}

std::string forgotten_quarantine(const std::string& buffer, const std::string& filesystem) {
  return "is mounted alone: what is set aside would go to its quarantine " +
         quarantine_path(buffer) + " on " + filesystem +
         ", which forgets it with the machine or the container; mount the folder, not the file";
}

std::string how_to_forward(const std::string& orphan, const BufferConfig& config) {
  return "forward it with 'punchline run --once -b " + orphan + " --topic " + config.topic +
         "' and the Kafka settings of this agent";
}

std::string orphan_path(const std::string& buffer, const std::string& uuid) {
  return buffer + ".orphan-" + uuid;
}

Result<std::string> save_rest(Checkpoint& checkpoint, const std::string& path,
                              const BufferConfig& config, Source source) {
  const auto copy = create_anew(path, config);
  if (!copy) return copy.error();
  if (const auto saved = copy_rest(checkpoint, **copy, source); !saved) {
    if (source == Source::kept) std::remove((*copy)->path().c_str());
    return saved.error();
  }
  return (*copy)->path();
}

}  // namespace punchline
