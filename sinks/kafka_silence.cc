#include "sinks/kafka_silence.h"

#include <utility>

namespace punchline {

std::optional<KafkaSilence::Time> KafkaSilence::due() const {
  if (!none_) return std::nullopt;
  return std::max({heard_, throttled_, since_}) + kMin;
}

std::optional<TopicAnswer> KafkaSilence::take(Time now, bool failing) {
  const bool at_once = failing && heard_ == Time();
  if (!none_ || (now < *due() && !at_once)) return std::nullopt;
  return std::exchange(none_, std::nullopt);
}

}  // namespace punchline
