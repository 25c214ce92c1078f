#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>

#include "buffer/base/clock.h"
#include "buffer/item.h"

namespace punchline {

/// What the log says of what one buffer sets aside: the first of each reason at once, all others
/// together and at most once in kInterval. Pure. One thread.
class SetAsideNotes {
 public:
  static constexpr std::chrono::seconds kInterval{60};

  /// A stretch that is set aside, and why. The sentence where it is the first for its reason.
  std::optional<std::string> note(const Item& item, const std::string& why);
  /// About what was noted since the last sentence; nothing while there is none or it is too early.
  std::optional<std::string> due(TimePoint now);
  /// Likewise, whatever the time.
  std::optional<std::string> rest(TimePoint now);

 private:
  std::array<bool, kSetAsideReasons> met_{};
  std::array<std::uint64_t, kSetAsideReasons> untold_{};
  std::string last_;               // of those
  bool told_now_ = false;          // a first one, since due() was last called
  std::optional<TimePoint> told_;  // when anything was
};

}  // namespace punchline
