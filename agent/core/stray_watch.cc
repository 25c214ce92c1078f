#include "agent/core/stray_watch.h"

#include <utility>

namespace punchline {
namespace {

constexpr Duration kLookDelay = std::chrono::seconds(1);
constexpr Duration kUnendedPatience = std::chrono::seconds(5);

}  // namespace

Result<std::vector<Stray>> StrayWatch::look(TimePoint now) {
  due_ = now + kLookDelay;
  const auto found = strays_.find(kFoundMax);
  if (!found) return found.error();
  std::vector<Stray> settled;
  for (const auto& stray : *found)
    if (stray.ended || is_settled(stray, now)) settled.push_back(stray);
  unended_ = std::exchange(met_, {});
  return settled;
}

// A stray without an end is settled when it has not changed for 5 s: its writer may be in the
// middle of it.
bool StrayWatch::is_settled(const Stray& stray, TimePoint now) {
  const auto known = unended_.find(stray.range.begin);
  const bool stands = known != unended_.end() && known->second.end == stray.range.end;
  const auto since = stands ? known->second.since : now;
  met_[stray.range.begin] = {stray.range.end, since};  // also when nobody takes it yet
  return now >= since + kUnendedPatience;
}

}  // namespace punchline
