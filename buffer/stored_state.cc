#include "buffer/stored_state.h"

#include <algorithm>
#include <limits>

#include "buffer/collapse.h"
#include "buffer/scanner.h"

namespace punchline {

Error newer_version(const BufferFile& file) {
  return {ErrorKind::refused, 0,
          file.path() + ": its state was written by a newer version of this program"};
}

Result<StoredState> read_stored_state(BufferFile& file) {
  StoredState stored;
  const auto state = file.attribute(kStateAttribute);
  if (!state && state.error().kind() != ErrorKind::unsupported) return state.error();
  if (!state || !state->has_value()) return stored;
  stored.exists = true;
  stored.raw = **state;
  stored.decoded = decode(**state, stored.state);
  const auto fences = file.attribute(kFencesAttribute);
  if (!fences) return fences.error();
  if (fences->has_value()) {
    stored.raw += **fences;
    stored.fences_sound = decode_fences(**fences, stored.fences) == Decoded::ok;
  }
  return stored;
}

Result<std::uint64_t> bytes_behind_front(BufferFile& file) {
  const auto stored = read_stored_state(file);
  if (!stored) return stored.error();
  const auto noted = file.attribute(kIntentAttribute);
  if (!noted && noted.error().kind() != ErrorKind::unsupported) return noted.error();
  const auto facts = file.facts();
  if (!facts) return facts.error();
  const auto& state = stored->state;
  const bool is_own = state.identity == fold_identity(facts->inode, facts->birth_ns);
  if (!stored->exists || stored->decoded != Decoded::ok || !is_own) return facts->size;
  auto front = state.front - state.base;
  CollapseIntent intent;
  const bool has_intent = noted && *noted && decode(**noted, intent) == Decoded::ok;
  if (has_intent && intent.base == state.base) front -= std::min(front, intent.bytes);
  return facts->size < front ? facts->size : facts->size - front;
}

Result<Format> standing_format(BufferFile& file) {
  const auto stored = read_stored_state(file);
  if (!stored) return stored.error();
  if (stored->exists && stored->decoded == Decoded::newer_version) return newer_version(file);
  if (stored->exists && stored->decoded == Decoded::ok && stored->state.format != Format::none) {
    return stored->state.format;
  }
  // All of the file may be torn: a state that does not know the format may come from an earlier
  // boot, and a full disk may have kept the fence from being stored.
  const auto found = detect_format(file, std::numeric_limits<std::uint64_t>::max());
  if (!found) return found.error();
  return found->format;
}

}  // namespace punchline
