#include "agent/core/partitions.h"

#include <algorithm>

#include "agent/core/key_rule.h"
#include "buffer/crc32c.h"
#include "sinks/partitioner.h"

namespace punchline {

Spread Partitions::wanted(std::size_t count) const {
  return {static_cast<std::uint32_t>(count), crc32c(config_.topic), config_.stripe_bytes,
          key_rule_of(config_)};
}

// In relaxed order only the number of partitions is kept: that order does not keep the order of a
// key across settings either.
Spread Partitions::first(const Spread& wanted, Spread noted, Position front, Position end) {
  if (noted.partitions == 0 || noted.partitions > wanted.partitions) return wanted;
  if (noted.topic_checksum != wanted.topic_checksum) return wanted;
  if (noted.stripe_bytes == 0 || config_.order == Order::relaxed) {
    noted.stripe_bytes = wanted.stripe_bytes;
    noted.key_rule = wanted.key_rule;
  }
  old_until_ = end;
  return end <= front ? wanted : noted;
}

void Partitions::set(const Spread& spread, const Spread& wanted) {
  spread_ = spread;
  is_old_ = spread != wanted;
}

std::size_t Partitions::of(const Record& record) const {
  const auto count = static_cast<std::int32_t>(spread_.partitions);
  const auto key = record.key();
  return static_cast<std::size_t>(
      key ? keyed_partition(*key, count)
          : keyless_partition(record.range().begin, spread_.stripe_bytes, count));
}

Position Partitions::stripe_end(Position at) const {
  if (spread_.partitions == 1) return kPositionMax;
  return Position((at.value() / spread_.stripe_bytes + 1) * spread_.stripe_bytes);
}

// Records without a key go to one partition, since they begin in one stripe.
std::span<const Record> Partitions::of_one(std::span<const Record> run) const {
  if (spread_.partitions == 1) return run;
  const auto first = of(run.front());
  const bool is_keyless = !run.front().key();
  const auto other = std::find_if(run.begin() + 1, run.end(), [&](const Record& record) {
    const bool is_same = is_keyless && !record.key();
    return !is_same && of(record) != first;
  });
  return run.first(static_cast<std::size_t>(other - run.begin()));
}

}  // namespace punchline
