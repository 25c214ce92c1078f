#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "agent/core/config.h"
#include "buffer/base/byte_range.h"
#include "buffer/state.h"
#include "sinks/sink.h"

namespace punchline {

/// Which partition each record of a buffer goes to: by its key, or, without one, by the stripe of
/// positions in which it begins.
///
/// What decides that is a Spread: the number of partitions, stripe_bytes, the rule for keys. What
/// waited when an agent ended keeps the spread by which it was first sent, whatever the settings
/// and the topic are by then; else two records of one partition could change their order. A new
/// spread holds for all that is not done, so it may be set only while nothing is in flight. Pure.
/// One thread.
class Partitions {
 public:
  /// Outlives it.
  explicit Partitions(const BufferConfig& config) : config_(config) {}

  /// The spread of the present settings for `count` partitions.
  Spread wanted(std::size_t count) const;
  /// The spread to begin with: the one that was `noted` by an earlier run, as long as what it sent
  /// may be left between `front` and `end`; else `wanted`.
  Spread first(const Spread& wanted, Spread noted, Position front, Position end);

  /// `wanted` is that of the present settings and topic.
  void set(const Spread& spread, const Spread& wanted);
  std::size_t count() const { return spread_.partitions; }
  /// It is that of an earlier run, and holds up to old_until(), where the file ended when this began.
  bool is_old() const { return is_old_; }
  Position old_until() const { return old_until_; }

  /// In [0, count()), which is not 0.
  std::size_t of(const Record& record) const;
  /// Where the stripe ends that `at` is in: records without a key may go elsewhere from there on.
  Position stripe_end(Position at) const;
  /// The first records of `run` that go to one partition, which is that of the first. `run` ends
  /// with the stripe in which it begins.
  std::span<const Record> of_one(std::span<const Record> run) const;

 private:
  const BufferConfig& config_;
  Spread spread_;
  bool is_old_ = false;
  Position old_until_ = 0;
};

}  // namespace punchline
