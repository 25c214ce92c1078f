#include "agent/core/retimed.h"

#include <iterator>

namespace punchline {

bool Retimed::add(ByteRange range, Position front) {
  begins_.erase(begins_.begin(), begins_.lower_bound(front));
  return begins_.size() < kMax && begins_.insert(range.begin).second;
}

std::size_t Retimed::take(ByteRange range) {
  if (begins_.empty()) return 0;
  const auto first = begins_.lower_bound(range.begin);
  const auto last = begins_.lower_bound(range.end);
  const auto count = static_cast<std::size_t>(std::distance(first, last));
  begins_.erase(first, last);
  return count;
}

void Retimed::put_on(Chunk& chunk) const {
  if (begins_.empty()) return;
  for (std::size_t i = 0; i < chunk.extras.size(); ++i) {
    if (begins_.contains(chunk.records[i].range().begin)) chunk.extras[i].refuse_time();
  }
}

}  // namespace punchline
