#include "buffer/collapser.h"

#include <optional>

#include "buffer/base/rarely.h"
#include "buffer/sync.h"

namespace punchline {

Result<SettledIntent> settle_intent(Space& space, Attributes& attributes, State& found) {
  auto& file = space.file();
  const auto bytes = file.attribute(kIntentAttribute);
  if (!bytes) return bytes.error();
  if (!bytes->has_value()) return SettledIntent{};
  attributes.leave_intent(0);
  CollapseIntent intent;
  const bool is_sound = decode(**bytes, intent) == Decoded::ok;
  RARELY(!is_sound, "a start finds a damaged intent");
  if (!is_sound) return SettledIntent{0, true};
  const auto facts = file.facts();
  if (!facts) return facts.error();
  const bool ours = intent.uuid == found.uuid && intent.base == found.base &&
                    intent.identity == found.identity &&
                    intent.identity == fold_identity(facts->inode, facts->birth_ns);
  RARELY(!ours, "a start finds an intent that is void");
  if (!ours) return SettledIntent{};
  const auto shifted = roll_forward(file, intent);
  if (!shifted) return shifted.error();
  attributes.leave_intent(intent.settled_from());
  RARELY(*shifted == Shifted::all, "a start finds a collapse that was done, or finishes one");
  RARELY(*shifted == Shifted::none, "a start finds a collapse that had not begun");
  RARELY(*shifted == Shifted::unlike, "a start finds a file that no collapse leaves");
  if (*shifted != Shifted::all) return SettledIntent{0, *shifted == Shifted::unlike};
  found.base += intent.bytes;
  return SettledIntent{intent.bytes, false};
}

bool Collapser::may_collapse() const {
  const State& state = attributes_.state();
  return attributes_.supported() && !state.gap_seen && !state.sync_failed &&
         !attributes_.needs_store() && state.front == attributes_.stored_front();
}

// The collapse is noted, done, and noted as done (C1). settle_intent() settles a crash between any
// two of these. The plan is made twice, since the file can grow during the sync.
Result<std::uint64_t> Collapser::collapse(const CollapseLimits& limits) {
  constexpr std::uint64_t kNothing = 0;
  if (!may_collapse()) return kNothing;
  auto& file = space_.file();
  const State& state = attributes_.state();
  const auto worth_it = plan_collapse(file, state, limits);
  if (!worth_it) return worth_it.error();
  if (!*worth_it) return kNothing;
  if (const auto synced = sync_buffer(space_, attributes_); !synced) return synced.error();
  if (state.synced < state.front) return kNothing;
  const auto hidden = hide_done_from(Offset((*worth_it)->bytes));
  if (!hidden) return hidden.error();
  const auto intent = plan_collapse(file, state, limits);
  if (!intent) return intent.error();
  RARELY(!*intent, "a collapse is not worth it any more after its sync");
  if (!*intent) return kNothing;
  const auto noted = file.set_attribute(kIntentAttribute, encode(**intent));
  if (!noted) return noted.error();
  if (const auto shifted = shift(**intent); !shifted) return shifted.error();
  attributes_.set_base(state.base + (*intent)->bytes);
  attributes_.leave_intent((*intent)->settled_from());
  (void)attributes_.store();  // needs_store() has it tried again
  return (*intent)->bytes;
}

// The file is going to begin with the rest of the record before the front. A reader that starts at
// 0, because the file is a copy or its state was lost, would take that rest for a record. So the
// rest is zeroed; in lines its newline stays.
Status Collapser::hide_done_from(Offset begin) {
  const auto kept = space_.format() == Format::lines ? 1 : 0;
  const auto end = space_.offset_of(attributes_.state().front - kept);
  return end > begin ? space_.file().punch({begin, end}) : Status();
}

Status Collapser::shift(const CollapseIntent& intent) {
  auto& file = space_.file();
  const auto cut = file.collapse({0, Offset(intent.bytes)});
  if (cut) return {};
  if (cut.error().kind() == ErrorKind::io) distrust(space_, attributes_);
  const auto shifted = roll_forward(file, intent);
  RARELY(shifted && *shifted == Shifted::all, "a collapse fails, and is done all the same");
  RARELY(shifted && *shifted == Shifted::none, "a collapse fails, and nothing was shifted");
  RARELY(shifted && *shifted == Shifted::unlike, "a collapse fails, and the file is unlike");
  if (shifted && *shifted == Shifted::all) return {};
  lost_place_ = !shifted || *shifted == Shifted::unlike;
  if (!lost_place_) {
    attributes_.leave_intent(intent.settled_from());
    (void)attributes_.store();
  }
  return cut;
}

}  // namespace punchline
