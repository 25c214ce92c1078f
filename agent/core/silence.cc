#include "agent/core/silence.h"

#include "buffer/base/counted.h"

namespace punchline {

using namespace std::chrono_literals;

// Records that come back from brokers that answer are on their way again. A batch comes back, for
// example, if one of its records is too large for the topic.
bool Silence::is_stuck(Order order, TimePoint now) const {
  if (lanes_.count() == 0 || lanes_.all_silent_since(now - kSilentMax)) return true;
  const bool is_relaxed = order == Order::relaxed;
  const bool all_lag = lanes_.all_lag() && (!is_relaxed || lanes_.in_flight() == 0);
  return all_lag && !(sink_.is_up() && sink_.trouble().empty());
}

// A trouble that the sink knew of accounts for the silence up to the end of that trouble.
void Silence::tell(std::uint64_t waiting_bytes, TimePoint now) {
  const bool is_silent = lanes_.all_silent_since(now - kSilentMax);
  is_told_ = is_told_ && is_silent;
  if (!is_silent || is_told_) return;
  if (!sink_.trouble().empty()) trouble_seen_ = now;
  if (now < trouble_seen_ + kToldAfter) return;
  if (!lanes_.all_silent_since(now - kToldAfter)) return;
  is_told_ = true;
  log_.warning(
      "{}: nothing was confirmed for {} s although {}; no reason is known: `punchline check` asks "
      "each broker",
      path_, kToldAfter / 1s, counted(waiting_bytes, "byte waits", "bytes wait"));
}

}  // namespace punchline
