#include "agent/core/trouble_log.h"

#include <algorithm>

#include "buffer/base/counted.h"

namespace punchline {
namespace {

std::string next_try(const std::optional<Duration>& retry) {
  if (!retry) return "not tried again";
  const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(*retry).count();
  if (seconds <= 1) return "trying again each second";
  return "trying again each " + counted(static_cast<std::uint64_t>(seconds), "second");
}

}  // namespace

void TroubleLog::met(const Trouble& trouble, TimePoint now) {
  const auto known = std::find_if(open_.begin(), open_.end(),
                                  [&](const Open& open) { return open.text == trouble.text; });
  if (known != open_.end()) {
    known->met = now;
    return;
  }
  if (open_.size() == kTroublesMax) open_.erase(open_.begin());
  open_.push_back({trouble.text, trouble.retry, now});
  log_.error("{}; nothing is lost, {}", trouble.text, next_try(trouble.retry));
}

void TroubleLog::tell_of_ends(TimePoint now) {
  std::erase_if(open_, [&](const Open& open) {
    const bool is_over = open.retry && now > open.met + *open.retry + kOverDelay;
    if (is_over) log_.info("{}: over: {}", path_, open.text);
    return is_over;
  });
}

}  // namespace punchline
