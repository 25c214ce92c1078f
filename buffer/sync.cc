#include "buffer/sync.h"

#include <algorithm>
#include <array>
#include <span>
#include <string_view>

#include "buffer/base/rarely.h"

namespace punchline {
namespace {

// The position to which a boot may take the front back later. It is the end of a line, since a line
// that crossed it would be read as two. That also goes for an open format: the bytes may be lines.
// NULs at the end do not count. They may be room, which its producer may cut off again.
Result<Position> record_end(Space& space, const State& state, Position end) {
  if (end == state.base) return end;
  std::array<char, 64 * 1024> memory;
  const auto bytes = std::min<std::uint64_t>(memory.size(), end - state.base);
  const auto read = space.read_at(end - bytes, std::span(memory).first(bytes));
  if (!read) return read.error();
  const std::string_view text(memory.data(), *read);
  const bool is_frames = state.format == Format::frames;
  const auto last = is_frames ? text.find_last_not_of('\0') : text.rfind('\n');
  RARELY(last == std::string_view::npos, "no record ends in the last 64 KiB at a sync");
  if (last == std::string_view::npos) return std::max(state.synced, state.front);
  return end - bytes + last + 1;
}

}  // namespace

// The end is looked at before the sync, so that no byte appended after the sync began counts as
// durable.
Status sync_buffer(Space& space, Attributes& attributes) {
  const auto end = space.settled_end();
  if (!end) return end.error();
  const State& state = attributes.state();
  const auto at = record_end(space, state, *end);
  if (!at) return at.error();
  if (const auto synced = space.file().sync_data(); !synced) {
    distrust(space, attributes);
    return synced;
  }
  if (state.sync_failed && state.front < space.rules().careful_until()) return {};
  RARELY(state.sync_failed, "a failed sync is over, the front is past its fence");
  if (state.sync_failed) attributes.change().sync_failed = false;
  if (state.synced == *at) return {};
  attributes.change().synced = *at;
  return attributes.move_front(state.front);
}

void distrust(Space& space, Attributes& attributes) {
  RARELY(true, "EIO: a fence is set, and what was synced is not believed");
  if (const auto at = space.settled_end()) attributes.add_fence(*at);
  attributes.change().sync_failed = true;
  (void)attributes.store();  // needs_store() has it tried again
}

}  // namespace punchline
