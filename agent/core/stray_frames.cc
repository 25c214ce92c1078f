#include "agent/core/stray_frames.h"

#include <algorithm>
#include <iterator>

#include "buffer/lines.h"

namespace punchline {

void StrayFrames::add_settled(ByteRange stretch) {
  waiting_.insert(stretch);
  settled_.insert(stretch);
}

void StrayFrames::pass(ByteRange range) {
  waiting_.erase(range);
  settled_.erase(range);
  refusals_.erase(range.begin);
}

void StrayFrames::offered(ByteRange frame, std::int32_t partition, std::uint32_t checksum) {
  in_flight_[frame.begin] = {frame, partition, checksum};
  waiting_.erase(frame);
  settled_.erase(frame);
}

std::vector<StrayFrames::Offered> StrayFrames::take(const Delivery& delivery) {
  std::vector<Offered> found;
  auto at = in_flight_.lower_bound(delivery.range.begin);
  while (at != in_flight_.end() && at->second.range.end <= delivery.range.end) {
    if (at->second.partition == delivery.lane.partition) {
      found.push_back(at->second);
      at = in_flight_.erase(at);
    } else {
      ++at;
    }
  }
  return found;
}

bool StrayFrames::refused(ByteRange frame, bool alone) {
  auto& shared = refusals_[frame.begin];
  shared += alone ? kSharedPerRefusal : 1;
  return shared < kRefusalsMax * kSharedPerRefusal;
}

void StrayFrames::lose(std::int32_t partition) {
  for (auto at = in_flight_.begin(); at != in_flight_.end();) {
    if (at->second.partition == partition) {
      waiting_.insert(at->second.range);
      at = in_flight_.erase(at);
    } else {
      ++at;
    }
  }
}

bool StrayFrames::has_beside(ByteRange range) const {
  const auto from = range.begin - std::min(range.begin.value(), kGapBytesMin);
  const auto to = range.end + kGapBytesMin;
  const auto waiting = waiting_.next(from);
  if (waiting && waiting->begin < to) return true;
  auto at = in_flight_.lower_bound(from);
  if (at != in_flight_.begin() && std::prev(at)->second.range.end > from) --at;
  return at != in_flight_.end() && at->first < to;
}

}  // namespace punchline
