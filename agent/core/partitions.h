#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "agent/core/config.h"
#include "buffer/base/byte_range.h"
#include "buffer/state.h"
#include "sinks/sink.h"

namespace punchline {

/// Chooses the partition for each record of a buffer: by its key, or, if it has none, by the stripe
/// of positions in which it begins.
///
/// The choice depends on a Spread: the number of partitions, stripe_bytes and the rule for keys.
/// Records that waited when an agent ended keep the spread by which they were first sent, whatever
/// the settings and the topic are at the next start; else two records of one partition could change
/// their order. A new spread holds for everything that is not done, so it may be set only while
/// nothing is in flight. Pure. One thread.
class Partitions {
 public:
  /// `config` must outlive it.
  explicit Partitions(const BufferConfig& config) : config_(config) {}

  /// The spread of the present settings for `count` partitions.
  Spread wanted(std::size_t count) const;
  /// The spread to begin with: the one that an earlier run `noted`, if records that it sent may be
  /// left between `front` and `end`; else `wanted`.
  Spread first(const Spread& wanted, Spread noted, Position front, Position end);

  /// From now on `spread` holds. `wanted` is the spread of the present settings and topic.
  void set(const Spread& spread, const Spread& wanted);
  std::size_t count() const { return spread_.partitions; }
  /// The spread comes from an earlier run. It holds up to old_until(), where the file ended at
  /// first().
  bool is_old() const { return is_old_; }
  Position old_until() const { return old_until_; }

  /// The partition of `record`, in [0, count()). count() must not be 0.
  std::size_t of(const Record& record) const;
  /// The end of the stripe that `at` is in. From there on records without a key may go elsewhere.
  Position stripe_end(Position at) const;
  /// The first records of `run` that go to the same partition. `run` must not go beyond the stripe
  /// in which it begins.
  std::span<const Record> of_one(std::span<const Record> run) const;

 private:
  const BufferConfig& config_;
  Spread spread_;
  bool is_old_ = false;
  Position old_until_ = 0;
};

}  // namespace punchline
