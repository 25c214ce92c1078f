#include "buffer/start.h"

#include <algorithm>
#include <cerrno>
#include <utility>

#include "buffer/base/rarely.h"
#include "buffer/collapser.h"
#include "buffer/scanner.h"
#include "buffer/stored_state.h"

namespace punchline {
namespace {

/// One start. The order is: state, intent, front against synced, inode, size, fence (S1). Each step
/// relies on those before it.
class Start {
 public:
  Start(Space& space, Attributes& attributes, const StartFacts& facts)
      : space_(space), file_(space.file()), attributes_(attributes), facts_(facts) {}

  Result<StartReport> run();

 private:
  Status begin(const std::optional<std::string>& bytes);
  Status without_state();
  Status with_state(State found);
  Status judge_found(const State& found, bool is_torn_collapse);
  void begin_anew(Origin origin, const std::string& why);
  Status fence_and_close();
  Status close_tail();
  Result<bool> tail_is_unfinished(Position end);
  Status settle_format();

  const State& state() const { return attributes_.state(); }

  Space& space_;
  BufferFile& file_;
  Attributes& attributes_;
  const StartFacts& facts_;
  StartReport report_;
};

/// A full disk stops no start: what could not be stored is tried again.
Status but_for_room(const Status& status) {
  const bool no_room = !status && status.error().kind() == ErrorKind::no_space;
  return no_room ? Status() : status;
}

Result<StartReport> Start::run() {
  const auto bytes = attributes_.load();
  if (!bytes) return bytes.error();
  if (const auto begun = begin(*bytes); !begun) return begun.error();
  return std::move(report_);
}

Status Start::begin(const std::optional<std::string>& bytes) {
  if (!bytes) return without_state();
  State found;
  switch (decode(*bytes, found)) {
    case Decoded::newer_version:
      return newer_version(file_);
    case Decoded::damaged:
      RARELY(true, "a start finds a damaged state");
      begin_anew(Origin::damaged, "the state attribute does not check");
      return fence_and_close();
    case Decoded::ok:
      break;
  }
  // Once this is stored, no older program begins to work on the buffer.
  if (is_of_older_version(*bytes)) {
    const auto set = but_for_room(file_.set_attribute(kStateAttribute, encode(found)));
    if (!set) return set;
  }
  return with_state(found);
}

// S4 and S5: a file that was born in this boot is read exactly. Any other gets a fence at its end.
Status Start::without_state() {
  const auto facts = file_.facts();
  if (!facts) return facts.error();
  report_.origin = judge_without_state(facts->birth_ns, attributes_.supported(), facts_);
  RARELY(report_.origin == Origin::unknown, "a start finds no state, and an old file");
  attributes_.change().uuid = facts_.fresh_uuid;
  attributes_.change().identity = fold_identity(facts->inode, facts->birth_ns);
  if (!attributes_.supported()) {
    report_.warnings.push_back(
        "no user attributes on this filesystem: each start counts as a new boot, and what was in "
        "flight at a crash comes again");
  }
  if (report_.origin == Origin::unknown) return fence_and_close();
  if (const auto settled = settle_format(); !settled) return settled;
  attributes_.change().boot = facts_.boot;
  return but_for_room(attributes_.store());
}

// After a boot the front is taken back to what is durable before anything is judged by it (S3).
Status Start::with_state(State found) {
  const auto settled = settle_intent(space_, attributes_, found);
  if (!settled) return settled.error();
  report_.collapsed_bytes = settled->bytes;
  attributes_.adopt(found);
  if (settled->bytes > 0) attributes_.change();  // the base
  const auto front = front_at_start(found, facts_);
  RARELY(front < found.front && found.boot != facts_.boot, "a boot takes the front back");
  RARELY(front < found.front && found.boot == facts_.boot, "a forced fence takes the front back");
  if (front < found.front) {
    report_.taken_back_bytes = found.front - front;
    attributes_.take_front_back(front);
    if (found.boot == facts_.boot) space_.rules().old_front = found.front;
  }
  attributes_.load_freed();
  return judge_found(found, settled->is_torn);
}

Status Start::judge_found(const State& found, bool is_torn_collapse) {
  const auto facts = file_.facts();
  if (!facts) return facts.error();
  const auto begins = space_.may_begin_at(state().front);
  if (!begins) return begins.error();
  const auto identity = fold_identity(facts->inode, facts->birth_ns);
  const auto judged =
      judge({found, identity, found.base + facts->size, *begins, is_torn_collapse}, facts_);
  report_.origin = judged.origin;
  report_.lost_bytes = judged.lost_bytes;
  RARELY(judged.origin == Origin::copied, "a start finds a copy");
  RARELY(judged.origin == Origin::truncated, "a start finds a truncated file");
  RARELY(judged.origin == Origin::damaged, "a start finds a collapse that cannot be finished");
  if (judged.origin == Origin::resumed) {
    attributes_.drop_passed_fences();
    if (const auto settled = settle_format(); !settled) return settled;
    return attributes_.has_intent() ? but_for_room(attributes_.store()) : Status();
  }
  const bool is_copy = judged.origin == Origin::copied;
  if (is_copy && found.format == Format::frames) attributes_.add_salt(found.identity);
  if (judged.origin != Origin::new_boot) begin_anew(judged.origin, judged.why);
  return fence_and_close();
}

// S6 to S8: the file begins anew with a new UUID at position 0, so nothing that is noted for the
// old UUID counts any more. Only a copy keeps its format and its fences (S7).
void Start::begin_anew(Origin origin, const std::string& why) {
  const auto facts = file_.facts();
  report_.origin = origin;
  report_.taken_back_bytes = report_.collapsed_bytes = 0;
  report_.warnings.push_back(why +
                             "; all it holds is read as new, so duplicates of what was delivered "
                             "before may follow");
  const bool copied = origin == Origin::copied;
  // What was torn in the original is torn in its copy too. Positions in the copy begin at 0.
  std::vector<Position> torn;
  for (const auto fence : attributes_.fences())
    if (copied && fence > state().base) torn.emplace_back(fence - state().base);
  State anew;
  anew.format = copied ? state().format : Format::none;
  anew.uuid = facts_.fresh_uuid;
  if (facts) anew.identity = fold_identity(facts->inode, facts->birth_ns);
  attributes_.begin_anew(anew, std::move(torn));
}

// The boot is noted together with the fence or after it. A crash between the two only makes the
// next start set one more fence, which does no harm (S11).
Status Start::fence_and_close() {
  const auto at = space_.settled_end();
  if (!at) return at.error();
  if (*at > state().front) {
    attributes_.add_fence(*at);
    report_.fence_set = true;
  }
  if (const auto settled = settle_format(); !settled) return settled;
  attributes_.drop_passed_fences();
  const auto fences_stored = attributes_.store_fences();
  State& changed = attributes_.change();
  if (fences_stored) changed.boot = facts_.boot;
  const auto stored = attributes_.store();
  RARELY(!fences_stored, "a start cannot store its fence");
  RARELY(fences_stored && !stored, "a start cannot store its state");
  if (const auto is_fine = but_for_room(stored); !is_fine) return is_fine;
  if (!fences_stored || !stored) {
    report_.warnings.push_back("the disk is full: the state could not be written, trying again");
  }
  // The tail is closed even if the fence could not be stored, and most of all then. If we are
  // killed before the fence is stored, its place is forgotten, and a producer might continue an
  // open tail. The next start counts as the first one after a boot again.
  // In frames nothing is closed: a frame proves itself, and an unfinished one harms nobody. If torn
  // text has left the format open, lines may follow, and the tail is closed. To frames the newline
  // is a part of the damage.
  if (!report_.fence_set || state().format == Format::frames) return {};
  if (state().format == Format::none && !report_.undecided.torn_text) return {};
  return close_tail();
}

Status Start::settle_format() {
  const auto undecided = punchline::settle_format(space_, attributes_);
  if (!undecided) return undecided.error();
  report_.undecided = *undecided;
  return {};
}

Result<bool> Start::tail_is_unfinished(Position end) {
  if (end == state().base) return false;
  char last = '\n';
  const auto read = space_.read_at(end - 1, {&last, 1});
  if (!read) return read.error();
  return *read == 1 && last != '\n' && last != '\0';  // NULs may be room
}

// S10. The line is set aside, since nobody can say whether it is whole. It spans the fence (R2), or
// where that could not be stored, it holds the NUL in front of the newline (R3).
Status Start::close_tail() {
  const auto at = space_.settled_end();
  if (!at) return at.error();
  const auto unfinished = tail_is_unfinished(*at);
  if (!unfinished) return unfinished.error();
  if (!*unfinished) return {};
  const auto alone = file_.nobody_writes();
  RARELY(!alone || !*alone, "a start leaves an unfinished line open, since others write");
  if (!alone || !*alone) {
    report_.warnings.push_back(
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
  RARELY(no_room, "a start cannot close an unfinished line for want of room");
  report_.tail_closed = closed.ok();
  return {};
}

}  // namespace

Result<Undecided> settle_format(Space& space, Attributes& attributes) {
  if (space.format() != Format::none) return Undecided{};
  const auto careful = space.rules().careful_until();
  const auto found =
      detect_format(space.file(), Offset(careful - std::min(careful, space.base())));
  if (!found) return found.error();
  if (found->format == Format::none) return Undecided{found->has_text, !found->has_text};
  attributes.set_format(found->format);
  if (found->format == Format::frames) attributes.add_salt(found->salt);
  return Undecided{};
}

Result<StartReport> start_buffer(Space& space, Attributes& attributes, const StartFacts& facts) {
  return Start(space, attributes, facts).run();
}

}  // namespace punchline
