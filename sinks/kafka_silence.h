#pragma once

#include <algorithm>
#include <chrono>
#include <optional>

#include "sinks/kafka_notices.h"

namespace punchline {

/// Tells a late answer from none: a broker of a loaded machine, or one that lets us wait by a
/// quota, answers, too. Pure. One thread.
class KafkaSilence {
 public:
  using Time = std::chrono::steady_clock::time_point;
  /// So long nothing at all has come from any broker, once a question was given up.
  static constexpr std::chrono::seconds kMin{2};

  /// Some broker has answered something.
  void heard(Time now) { heard_ = now; }
  /// It reads nothing until then, by a quota.
  void throttled(Time until) { throttled_ = std::max(throttled_, until); }
  /// A connection has failed: the next one is read at once.
  void failed() { throttled_ = {}; }
  /// A question was given up.
  void unanswered(const TopicAnswer& answer, Time now) {
    if (!none_) since_ = now;
    none_ = answer;
  }
  void answered() { none_.reset(); }

  /// The last question that was given up, once it is certain that nobody answers: at once where
  /// nobody ever has, and connections are `failing`.
  std::optional<TopicAnswer> take(Time now, bool failing);
  /// When take() has to be asked next, if nothing else happens.
  std::optional<Time> due() const;

 private:
  Time heard_{};  // never
  Time throttled_{};
  Time since_{};
  std::optional<TopicAnswer> none_;
};

}  // namespace punchline
