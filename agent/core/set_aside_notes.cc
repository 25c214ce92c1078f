#include "agent/core/set_aside_notes.h"

#include <numeric>
#include <utility>

#include <fmt/core.h>

#include "agent/core/format.h"
#include "buffer/base/counted.h"

namespace punchline {
namespace {

/// "3 oversize, 1 refused". Empty if there is only one reason.
std::string by_reason(const std::array<std::uint64_t, kSetAsideReasons>& counts) {
  std::string text;
  int reasons = 0;
  for (std::size_t i = 0; i < counts.size(); ++i) {
    if (counts[i] == 0) continue;
    if (++reasons > 1) text += ", ";
    text += fmt::format("{} {}", counts[i], name_of(static_cast<SetAsideReason>(i)));
  }
  return reasons > 1 ? " (" + text + ")" : "";
}

}  // namespace

std::optional<std::string> SetAsideNotes::note(const Item& item, const std::string& why) {
  const auto reason = static_cast<std::size_t>(item.reason);
  if (!std::exchange(met_[reason], true)) {
    told_now_ = true;
    return fmt::format("record at {} ({}) set aside, {}: {}", item.range.begin,
                       counted(item.range.size(), "byte"), name_of(item.reason), why);
  }
  ++untold_[reason];
  last_ = fmt::format("{} ({}), {}: {}", item.range.begin, counted(item.range.size(), "byte"),
                      name_of(item.reason), why);
  return std::nullopt;
}

std::optional<std::string> SetAsideNotes::due(TimePoint now) {
  if (std::exchange(told_now_, false)) told_ = now;
  if (told_ && now < *told_ + kInterval) return std::nullopt;
  return rest(now);
}

std::optional<std::string> SetAsideNotes::rest(TimePoint now) {
  const auto count = std::accumulate(untold_.begin(), untold_.end(), std::uint64_t{0});
  if (count == 0) return std::nullopt;
  const auto since = std::exchange(told_, now).value_or(now);
  auto text = fmt::format("{} more set aside{} in the last {} s, the last at position {}", count,
                          by_reason(untold_),
                          std::chrono::floor<std::chrono::seconds>(now - since).count(), last_);
  untold_ = {};
  return text;
}

}  // namespace punchline
