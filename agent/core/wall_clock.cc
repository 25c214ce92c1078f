#include "agent/core/wall_clock.h"

#include <string_view>
#include <utility>

#include <fmt/format.h>

#include "buffer/wall_time.h"

namespace punchline {
namespace {

std::string_view outcome_of(WrongClock policy) {
  switch (policy) {
    case WrongClock::as_is:
      return "records are sent with that time, and Kafka may delete them as soon as they are there "
             "(clock: wait or broker would help)";
    case WrongClock::wait:
      return "nothing is sent until it is set";
    case WrongClock::broker:
      return "records without a time of their own are sent without one until it is set, so that "
             "Kafka's counts";
  }
  return "";
}

}  // namespace

std::optional<std::string> clock_trouble(std::int64_t ms, WrongClock policy) {
  if (can_be_now(ms)) return std::nullopt;
  return fmt::format("the clock says {}, which cannot be: {}", utc_text(ms), outcome_of(policy));
}

void WallClock::look(std::int64_t ms) {
  const bool is_wrong = !can_be_now(ms);
  if (is_wrong == std::exchange(is_wrong_, is_wrong)) return;
  const auto trouble = clock_trouble(ms, policy_);
  metrics_.clock_trouble.set(trouble.value_or(""));
  if (trouble) return log_.warning("{}", *trouble);
  log_.info("the clock has been set, it says {}: going on with its time", utc_text(ms));
}

}  // namespace punchline
