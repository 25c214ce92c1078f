#include "buffer/checkpoint.h"

#include <algorithm>
#include <array>
#include <cassert>
#include <cerrno>
#include <string_view>
#include <utility>

#include "buffer/frame.h"
#include "buffer/scanner.h"

namespace punchline {

Result<Position> Checkpoint::end() {
  // The barrier comes first: an append that is under way is then either within the size or begins
  // after it.
  if (const auto barrier = file_.next_data(0); !barrier) return barrier.error();
  return space_.end();
}

// The order is: state, intent, front against synced, inode, size, fence (S1). Each step relies on
// those before it.
Result<StartReport> Checkpoint::start() {
  const auto bytes = file_.attribute(kStateAttribute);
  if (!bytes && bytes.error().kind() == ErrorKind::unsupported) supported_ = false;
  if (!bytes && supported_) return bytes.error();
  load_salts();
  load_spread();
  if (!supported_ || !bytes->has_value()) return start_without_state();
  StartReport report;
  State found;
  switch (decode(**bytes, found)) {
    case Decoded::newer_version:
      return newer_version(file_);
    case Decoded::damaged: {
      begin_anew(report, Origin::damaged, "the state attribute does not check");
      if (const auto fenced = fence_and_close(report); !fenced) return fenced.error();
      return report;
    }
    case Decoded::ok:
      break;
  }
  // Once this is stored, no older program begins to work on the buffer.
  if (is_of_older_version(**bytes)) {
    const auto set = file_.set_attribute(kStateAttribute, encode(found));
    if (!set && set.error().kind() != ErrorKind::no_space) return set.error();
  }
  if (const auto settled = settle_intent(found, report); !settled) return settled.error();
  return start_with_state(found, std::move(report));
}

// S4 and S5: a file that was born in this boot is read exactly. Any other gets a fence at its end.
Result<StartReport> Checkpoint::start_without_state() {
  const auto facts = file_.facts();
  if (!facts) return facts.error();
  StartReport report;
  report.origin = judge_without_state(facts->birth_ns, supported_, facts_);
  state_.uuid = facts_.fresh_uuid;
  state_.identity = fold_identity(facts->inode, facts->birth_ns);
  dirty_ = supported_;
  if (!supported_) {
    report.warnings.push_back(
        "no user attributes on this filesystem: each start counts as a new boot, and what was in "
        "flight at a crash comes again");
  }
  if (report.origin == Origin::unknown) {
    if (const auto fenced = fence_and_close(report); !fenced) return fenced.error();
    return report;
  }
  if (const auto settled = settle_format(); !settled) return settled.error();
  state_.boot = facts_.boot;
  const auto stored = store();
  if (!stored && stored.error().kind() != ErrorKind::no_space) return stored.error();
  return report;
}

// After a boot the front is taken back to what is durable before anything is judged by it (S3).
// Only then is the file compared with the state.
Result<StartReport> Checkpoint::start_with_state(const State& found, StartReport report) {
  const auto facts = file_.facts();
  if (!facts) return facts.error();
  adopt(found);
  is_stored_ = true;
  stored_front_ = found.front;
  stored_synced_ = found.synced;
  stored_format_ = found.format;
  load_fences();
  state_.front = front_at_start(found, facts_);
  if (state_.front < found.front) {
    report.taken_back_bytes = found.front - state_.front;
    stored_front_ = state_.front;
    dirty_ = true;
    if (found.boot == facts_.boot) space_.rules().old_front = found.front;
  }
  load_freed();
  const auto begins = may_begin_at(state_.front);
  if (!begins) return begins.error();
  const auto identity = fold_identity(facts->inode, facts->birth_ns);
  const auto judged =
      judge({found, identity, found.base + facts->size, *begins, lost_place_}, facts_);
  report.origin = judged.origin;
  report.lost_bytes = judged.lost_bytes;
  if (judged.origin == Origin::resumed) return resume(std::move(report));
  if (judged.origin == Origin::copied && found.format == Format::frames) add_salt(found.identity);
  if (judged.origin != Origin::new_boot) begin_anew(report, judged.origin, judged.why);
  if (const auto fenced = fence_and_close(report); !fenced) return fenced.error();
  return report;
}

Result<StartReport> Checkpoint::resume(StartReport report) {
  drop_passed_fences();
  if (const auto settled = settle_format(); !settled) return settled.error();
  if (!intent_stands_) return report;
  const auto stored = store();
  if (!stored && stored.error().kind() != ErrorKind::no_space) return stored.error();
  return report;
}

Result<bool> Checkpoint::may_begin_at(Position at) {
  if (state_.format != Format::lines || at <= state_.base) return true;
  char before = '\n';
  const auto read = space_.read_at(at - 1, {&before, 1});
  if (!read) return read.error();
  return *read == 0 || before == '\n' || before == '\0';
}

void Checkpoint::adopt(const State& state) {
  state_ = state;
  space_.set_base(state.base);
  space_.set_format(state.format);
}

// S6 to S8: the file begins anew with a new UUID at position 0, so nothing that is noted for the
// old UUID counts any more. Only a copy keeps its format and its fences (S7).
void Checkpoint::begin_anew(StartReport& report, Origin origin, const std::string& why) {
  const auto facts = file_.facts();
  report.origin = origin;
  report.taken_back_bytes = 0;
  report.warnings.push_back(why +
                            "; all it holds is read as new, so duplicates of what was delivered "
                            "before may follow");
  const bool copied = origin == Origin::copied;
  const auto format = copied ? state_.format : Format::none;
  // What was torn in the original is torn in its copy too. Positions in the copy begin at 0.
  std::vector<Position> torn;
  for (const auto fence : fences())
    if (copied && fence > state_.base) torn.emplace_back(fence - state_.base);
  freed_.reset();
  State state;
  state.format = format;
  state.uuid = facts_.fresh_uuid;
  if (facts) state.identity = fold_identity(facts->inode, facts->birth_ns);
  adopt(state);
  space_.rules().old_front = 0;
  stored_front_ = stored_synced_ = 0;
  is_stored_ = false;
  free_from_ = 0;
  lost_place_ = false;
  report.collapsed_bytes = 0;
  space_.rules().fences = std::move(torn);
  fences_dirty_ = true;
  dirty_ = true;
}

// The boot is noted together with the fence or after it. A crash between the two only makes the
// next start set one more fence, which does no harm (S11).
Status Checkpoint::fence_and_close(StartReport& report) {
  const auto at = end();
  if (!at) return at.error();
  if (*at > state_.front) {
    add_fence(*at);
    report.fence_set = true;
  }
  if (const auto settled = settle_format(); !settled) return settled.error();
  drop_passed_fences();
  const auto fences_stored = store_fences();
  if (fences_stored) state_.boot = facts_.boot;
  dirty_ = true;
  const auto stored = store();
  if (!stored && stored.error().kind() != ErrorKind::no_space) return stored.error();
  if (!fences_stored || !stored) {
    report.warnings.push_back("the disk is full: the state could not be written, trying again");
  }
  // The tail is closed even if the fence could not be stored, and most of all then. If we are
  // killed before the fence is stored, its place is forgotten, and a producer might continue an
  // open tail. The next start counts as the first one after a boot again.
  // In frames nothing is closed: a frame proves itself, and an unfinished one harms nobody. If torn
  // text has left the format open, lines may follow, and the tail is closed. To frames the newline
  // is a part of the damage.
  if (!report.fence_set || state_.format == Format::frames) return {};
  if (state_.format == Format::none && !torn_text_) return {};
  return close_tail(report);
}

Status Checkpoint::settle_format() {
  if (state_.format != Format::none) return {};
  const auto careful = careful_until();
  const auto found = detect_format(file_, Offset(careful - std::min(careful, state_.base)));
  if (!found) return found.error();
  torn_text_ = found->format == Format::none && found->has_text;
  all_room_ = found->format == Format::none && !found->has_text;
  if (found->format == Format::none) return {};
  state_.format = found->format;
  space_.set_format(found->format);
  dirty_ = true;
  if (found->format == Format::frames) add_salt(found->salt);
  return {};
}

Result<bool> Checkpoint::tail_is_unfinished(Position end) {
  if (end == state_.base) return false;
  char last = '\n';
  const auto read = space_.read_at(end - 1, {&last, 1});
  if (!read) return read.error();
  return *read == 1 && last != '\n' && last != '\0';  // NULs may be room
}

// S10. The line is set aside, since nobody can say whether it is whole. It spans the fence (R2), or
// where that could not be stored, it holds the NUL in front of the newline (R3).
Status Checkpoint::close_tail(StartReport& report) {
  const auto at = end();
  if (!at) return at.error();
  const auto unfinished = tail_is_unfinished(*at);
  if (!unfinished) return unfinished.error();
  if (!*unfinished) return {};
  const auto alone = file_.nobody_writes();
  if (!alone || !*alone) {
    report.warnings.push_back(
        "the last line is unfinished and a producer may still have the file open: when it is "
        "finished it is set aside, since it may be torn");
    return {};
  }
  const char closing[2] = {'\0', '\n'};
  const auto closed = file_.append(closing);
  // EFBIG: our own file-size limit (ulimit -f) leaves no room for this process.
  const bool no_room =
      !closed && (closed.error().kind() == ErrorKind::no_space || closed.error().code() == EFBIG);
  if (!closed && !no_room) return closed.error();
  report.tail_closed = closed.ok();
  return {};
}

void Checkpoint::load_fences() {
  const auto bytes = file_.attribute(kFencesAttribute);
  if (bytes && !bytes->has_value()) return;
  if (bytes && decode_fences(**bytes, space_.rules().fences) == Decoded::ok) return;
  // The attribute cannot be read or does not check, so the whole file is read carefully.
  space_.rules().fences.clear();
  if (const auto at = end()) add_fence(*at);
}

void Checkpoint::add_fence(Position at) {
  auto& fences = space_.rules().fences;
  if (!fences.empty() && fences.back() >= at) return;
  fences.push_back(at);
  fences_dirty_ = true;
}

// A boot may take the front back to synced. What was torn from there on must still be known.
void Checkpoint::drop_passed_fences() {
  const auto passed = supported_ ? std::min(state_.front, stored_synced_) : state_.front;
  auto& fences = space_.rules().fences;
  const auto kept = std::upper_bound(fences.begin(), fences.end(), passed);
  if (kept == fences.begin()) return;
  fences.erase(fences.begin(), kept);
  fences_dirty_ = true;
}

Status Checkpoint::move_front(Position front) {
  assert(front >= state_.front);
  state_.front = front;
  dirty_ = true;
  if (supported_) {
    const auto stored = file_.set_attribute(kStateAttribute, encode(state_));
    if (!stored) return stored;
    note_stored();
  }
  drop_passed_fences();
  return {};
}

Status Checkpoint::store_fences() {
  if (!supported_) return {};
  if (!fences_dirty_) return {};
  const auto stored = fences().empty()
                          ? file_.remove_attribute(kFencesAttribute)
                          : file_.set_attribute(kFencesAttribute, encode_fences(fences()));
  if (stored) fences_dirty_ = false;
  return stored;
}

void Checkpoint::load_salts() {
  const auto bytes = file_.attribute(kSaltsAttribute);
  auto& salts = space_.rules().salts;
  if (bytes && bytes->has_value() && decode_salts(**bytes, salts) != Decoded::ok) salts.clear();
}

void Checkpoint::add_salt(std::uint32_t salt) {
  const auto facts = file_.facts();
  if (facts && salt == frame_salt(facts->inode, facts->birth_ns)) return;
  auto& salts = space_.rules().salts;
  if (std::find(salts.begin(), salts.end(), salt) != salts.end()) return;
  salts.push_back(salt);
  salts_dirty_ = true;
}

Status Checkpoint::store_changed(bool& dirty, std::string_view name, const std::string& bytes) {
  if (!dirty) return {};
  const auto stored = file_.set_attribute(name, bytes);
  if (stored) dirty = false;
  return stored;
}

void Checkpoint::load_spread() {
  const auto bytes = file_.attribute(kPartitionsAttribute);
  if (bytes && bytes->has_value()) decode_spread(**bytes, spread_);
}

void Checkpoint::note_spread(const Spread& spread) {
  if (spread == spread_) return;
  spread_ = spread;
  spread_dirty_ = true;
}

Status Checkpoint::store() {
  if (!supported_) {
    dirty_ = fences_dirty_ = salts_dirty_ = spread_dirty_ = false;
    return {};
  }
  if (const auto stored = store_state(); !stored) return stored;
  if (!intent_stands_) return {};
  const auto removed = file_.remove_attribute(kIntentAttribute);
  if (removed) intent_stands_ = false;
  return removed;
}

// Fences and salts are stored first, since the state implies that they are there.
Status Checkpoint::store_state() {
  if (const auto fences = store_fences(); !fences) return fences;
  const auto salts =
      store_changed(salts_dirty_, kSaltsAttribute, encode_salts(space_.rules().salts));
  if (!salts) return salts;
  const auto spread = store_changed(spread_dirty_, kPartitionsAttribute, encode_spread(spread_));
  if (!spread) return spread;
  // If the fences could not be stored at the start, the boot was not noted then. It is noted now.
  if (state_.boot != facts_.boot) dirty_ = true;
  state_.boot = facts_.boot;
  if (!dirty_) return {};
  if (const auto set = file_.set_attribute(kStateAttribute, encode(state_)); !set) return set;
  if (const auto synced = file_.sync_all(); !synced) return synced;
  note_stored();
  drop_passed_fences();
  return store_fences();
}

void Checkpoint::note_stored() {
  is_stored_ = true;
  stored_front_ = state_.front;
  stored_synced_ = state_.synced;
  stored_format_ = state_.format;
  dirty_ = false;
}

// The position to which a boot may take the front back later. It is the end of a line, since a line
// that crossed it would be read as two. That also goes for an open format: the bytes may be lines.
// NULs at the end do not count. They may be room, which its producer may cut off again.
Result<Position> Checkpoint::record_end(Position end) {
  if (end == state_.base) return end;
  std::array<char, 64 * 1024> memory;
  const auto bytes = std::min<std::uint64_t>(memory.size(), end - state_.base);
  const auto read = space_.read_at(end - bytes, std::span(memory).first(bytes));
  if (!read) return read.error();
  const std::string_view text(memory.data(), *read);
  const bool is_frames = state_.format == Format::frames;
  const auto last = is_frames ? text.find_last_not_of('\0') : text.rfind('\n');
  if (last == std::string_view::npos) return std::max(state_.synced, state_.front);
  return end - bytes + last + 1;
}

// The end is looked at before the sync, so that no byte appended after the sync began counts as
// durable.
Status Checkpoint::sync() {
  const auto file_end = end();
  if (!file_end) return file_end.error();
  const auto at = record_end(*file_end);
  if (!at) return at.error();
  if (const auto synced = file_.sync_data(); !synced) {
    distrust();
    return synced;
  }
  if (state_.sync_failed && state_.front < careful_until()) return {};
  state_.sync_failed = false;
  if (state_.synced == *at) return {};
  state_.synced = *at;
  return move_front(state_.front);
}

void Checkpoint::distrust() {
  if (const auto at = end()) add_fence(*at);
  state_.sync_failed = true;
  dirty_ = true;
  (void)store();  // needs_store() has it tried again
}

void Checkpoint::note_gap() {
  if (state_.gap_seen) return;
  state_.gap_seen = true;
  dirty_ = true;
}

Status Checkpoint::finish() {
  const auto synced = sync();
  if (!synced) return synced;
  dirty_ = true;
  return store();
}

}  // namespace punchline
