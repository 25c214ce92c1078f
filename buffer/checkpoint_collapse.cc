// The part of Checkpoint that collapses the file, and that completes a collapse which a crash
// interrupted.

#include <utility>

#include "buffer/checkpoint.h"

namespace punchline {

// Comes before any offset is believed, since a collapse may have been interrupted half-way (C4 to
// C9).
Status Checkpoint::settle_intent(State& found, StartReport& report) {
  const auto bytes = file_.attribute(kIntentAttribute);
  if (!bytes) return bytes.error();
  if (!bytes->has_value()) return {};
  intent_stands_ = true;
  CollapseIntent intent;
  if (decode(**bytes, intent) != Decoded::ok) {
    lost_place_ = true;
    return {};
  }
  const auto facts = file_.facts();
  if (!facts) return facts.error();
  const bool ours = intent.uuid == found.uuid && intent.base == found.base &&
                    intent.identity == found.identity &&
                    intent.identity == fold_identity(facts->inode, facts->birth_ns);
  if (!ours) return {};
  const auto shifted = roll_forward(file_, intent);
  if (!shifted) return shifted.error();
  lost_place_ = *shifted == Shifted::unlike;
  free_from_ = intent.settled_from();
  if (*shifted != Shifted::all) return {};
  found.base += intent.bytes;
  dirty_ = true;
  report.collapsed_bytes = intent.bytes;
  return {};
}

// The collapse is noted, done, and noted as done (C1). settle_intent() settles a crash between any
// two of these.
Result<std::uint64_t> Checkpoint::collapse(const CollapseLimits& limits) {
  constexpr std::uint64_t kNothing = 0;
  const bool sound = supported_ && !state_.gap_seen && !state_.sync_failed && !needs_store();
  if (!sound || state_.front != stored_front_) return kNothing;
  const auto worth_it = plan_collapse(file_, state_, limits);
  if (!worth_it) return worth_it.error();
  if (!*worth_it) return kNothing;
  if (const auto synced = sync(); !synced) return synced.error();
  if (state_.synced < state_.front) return kNothing;
  const auto hidden = hide_done_from(Offset((*worth_it)->bytes));
  if (!hidden) return hidden.error();
  const auto intent = plan_collapse(file_, state_, limits);  // with what was appended meanwhile
  if (!intent) return intent.error();
  if (!*intent) return kNothing;
  const auto noted = file_.set_attribute(kIntentAttribute, encode(**intent));
  if (!noted) return noted.error();
  if (const auto shifted = shift(**intent); !shifted) return shifted.error();
  state_.base += (*intent)->bytes;
  space_.set_base(state_.base);
  dirty_ = intent_stands_ = true;
  free_from_ = (*intent)->settled_from();
  (void)store();  // needs_store() has it tried again
  return (*intent)->bytes;
}

// The file is going to begin with the rest of the record before the front. A reader that starts at
// 0, because the file is a copy or its state was lost, would take that rest for a record. So the
// rest is zeroed; in lines its newline stays.
Status Checkpoint::hide_done_from(Offset begin) {
  const auto kept = state_.format == Format::lines ? 1 : 0;
  const auto end = space_.offset_of(state_.front - kept);
  return end > begin ? file_.punch({begin, end}) : Status();
}

Status Checkpoint::shift(const CollapseIntent& intent) {
  const auto cut = file_.collapse({0, Offset(intent.bytes)});
  if (cut) return {};
  if (cut.error().kind() == ErrorKind::io) distrust();
  const auto shifted = roll_forward(file_, intent);
  if (shifted && *shifted == Shifted::all) return {};
  lost_place_ = !shifted || *shifted == Shifted::unlike;
  if (!lost_place_) {
    intent_stands_ = true;
    free_from_ = intent.settled_from();
    (void)store();
  }
  return cut;
}

}  // namespace punchline
