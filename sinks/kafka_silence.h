#pragma once

#include <algorithm>
#include <chrono>
#include <optional>

#include "sinks/kafka_notices.h"

namespace punchline {

/// Tells a late answer from none: a broker on a loaded machine, or one that makes us wait because
/// of a quota, does answer in the end. Pure. One thread.
class KafkaSilence {
 public:
  using Time = std::chrono::steady_clock::time_point;
  /// Nobody answers if, after a question was given up, nothing at all has come for this long.
  static constexpr std::chrono::seconds kMin{2};

  /// Some broker has answered something.
  void heard(Time now) { heard_ = now; }
  /// Because of a quota, a broker reads nothing until then.
  void throttled(Time until) { throttled_ = std::max(throttled_, until); }
  /// A connection has failed: the broker reads the next one at once.
  void failed() { throttled_ = {}; }
  /// A question was given up.
  void unanswered(const TopicAnswer& answer, Time now) {
    if (!none_) since_ = now;
    none_ = answer;
  }
  void answered() { none_.reset(); }

  /// The last question that was given up, once it is certain that nobody answers. That is certain
  /// at once if nobody ever has, and connections are `failing`.
  std::optional<TopicAnswer> take(Time now, bool failing);
  /// When take() has to be called next, if nothing else happens.
  std::optional<Time> due() const;

 private:
  Time heard_{};  // Time(): never
  Time throttled_{};
  Time since_{};
  std::optional<TopicAnswer> none_;
};

}  // namespace punchline
