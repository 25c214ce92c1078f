#include "buffer/origin.h"

#include <algorithm>
#include <array>

namespace punchline {
namespace {

bool is_new_boot(const State& state, const StartFacts& facts) {
  return state.boot != facts.boot || facts.force_fence;
}

// Which bytes above the front were done was known to the file alone. An agent that saw the
// truncation happen says more.
std::string gone_with(std::uint64_t bytes) {
  if (bytes == 0) return "";
  return "; of what waited in it up to " + std::to_string(bytes) +
         " bytes are gone, and whatever stood behind them";
}

}  // namespace

const char* name_of(Origin origin) {
  static constexpr std::array kNames = {"resumed",   "new_boot", "fresh",  "unknown",
                                        "truncated", "copied",   "damaged"};
  return kNames[static_cast<std::size_t>(origin)];
}

Position front_at_start(const State& state, const StartFacts& facts) {
  if (!is_new_boot(state, facts) || state.synced >= state.front) return state.front;
  return std::max(state.synced, state.base);
}

Judged judge(const FoundState& found, const StartFacts& facts) {
  const auto& state = found.state;
  const auto front = front_at_start(state, facts);
  if (state.identity != found.identity)
    return {Origin::copied, 0, "a copy or a restored backup (inode or birth time differ)"};
  if (found.is_torn_collapse)
    return {Origin::damaged, 0, "a collapse was cut off, and the file is not as that left it"};
  // Within one boot the size cannot shrink, and bytes that were synced survive a boot.
  const bool is_too_short = found.end < std::max(front, state.synced);
  if (is_too_short || facts.truncated || !found.begins) {
    const auto kept = is_too_short ? std::max(front, found.end) : front;
    const auto lost = facts.truncated ? 0 : state.synced - std::min(state.synced, kept);
    const std::string how =
        is_too_short ? "shorter than it was: it was truncated"
                     : "no line begins where one did: it was truncated and has grown again, or a "
                       "producer that does not append has written over it";
    return {Origin::truncated, lost, how + gone_with(lost)};
  }
  return {is_new_boot(state, facts) ? Origin::new_boot : Origin::resumed};
}

Origin judge_without_state(std::int64_t birth_ns, bool supported, const StartFacts& facts) {
  // A file born later than now: the clock is behind, and so proves nothing.
  const bool is_born_now =
      supported && birth_ns > facts.boot_time_ns && birth_ns <= facts.now_ns;
  return is_born_now && !facts.force_fence ? Origin::fresh : Origin::unknown;
}

}  // namespace punchline
