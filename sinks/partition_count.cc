#include "sinks/partition_count.h"

namespace punchline {

bool PartitionCount::learn(std::int32_t told, Time now) {
  const bool begins = told < count_ && !fewer_since_;
  told_ = told;
  if (begins) {
    fewer_since_ = now;
    ask_at_ = now + kAskEach;
  }
  if (told < count_ && now < *fewer_since_ + kFewerMin) return begins;
  count_ = told;
  fewer_since_.reset();
  return false;
}

bool PartitionCount::take_due(Time now) {
  if (!fewer_since_ || now < ask_at_) return false;
  ask_at_ = now + kAskEach;
  return true;
}

std::optional<PartitionCount::Time> PartitionCount::due() const {
  if (!fewer_since_) return std::nullopt;
  return ask_at_;
}

}  // namespace punchline
