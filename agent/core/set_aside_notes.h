#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>

#include "buffer/base/clock.h"
#include "buffer/item.h"

namespace punchline {

/// Makes the log's sentences about what one buffer sets aside: the first of each reason at once,
/// all others together and at most once in kInterval. Pure. One thread.
class SetAsideNotes {
 public:
  static constexpr std::chrono::seconds kInterval{60};

  /// A stretch is set aside, for the reason `why`. Returns a sentence if it is the first for its
  /// reason.
  std::optional<std::string> note(const Item& item, const std::string& why);
  /// The sentence about all that was noted since the last one. Empty if there is nothing to say, or
  /// it is too early.
  std::optional<std::string> due(TimePoint now);
  /// The same, whatever the time.
  std::optional<std::string> rest(TimePoint now);

 private:
  std::array<bool, kSetAsideReasons> met_{};
  std::array<std::uint64_t, kSetAsideReasons> untold_{};
  std::string last_;               // the last of those
  bool told_now_ = false;          // a first one was told since due() was last called
  std::optional<TimePoint> told_;  // when anything was told last
};

}  // namespace punchline
