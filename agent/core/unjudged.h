#pragma once

#include <cstddef>
#include <cstdint>
#include <map>

#include "buffer/base/byte_range.h"

namespace punchline {

/// Records that the destination refused, each alone, and of which nobody knows yet whether that is
/// their own fault or that of a topic which takes nothing.
///
/// While none arrives the buffer goes on past them, one record after the other; they are certainly
/// not in Kafka, so no order is broken. As soon as another record arrives all of them are *at
/// fault* and wait to be set aside. Positions alone are kept, in memory: after a restart they are
/// tried again. Pure. One thread.
class Unjudged {
 public:
  static constexpr std::size_t kMax = 20'000;

  struct Refused {
    ByteRange range;
    std::int32_t partition = 0;
    std::int32_t code = 0;  ///< The sink's.
  };

  /// False where there are kMax, judged or not; one that is known already is no other one.
  bool note(const Refused& refused);
  bool holds(ByteRange range) const;
  /// It is not to be set aside any more: delivered or given up.
  void forget(ByteRange range);

  /// Of those that are not judged: how many, the lowest, and whether there is room for another.
  std::size_t count() const { return open_.size(); }
  const Refused& first() const { return open_.begin()->second; }
  /// Whether each was refused for its size: that tells of the record, whatever became of others.
  bool all_for_size() const;
  bool is_full() const { return open_.size() + at_fault_.size() >= kMax; }
  /// The fault was the topic's: they are to be offered again.
  void acquit() { open_.clear(); }
  /// The fault is theirs.
  void condemn();

  bool has_condemned() const { return !at_fault_.empty(); }
  const Refused& first_condemned() const { return at_fault_.begin()->second; }
  /// The first of them is taken care of.
  void pop_condemned() { at_fault_.erase(at_fault_.begin()); }

  bool empty() const { return open_.empty() && at_fault_.empty(); }

 private:
  std::map<Position, Refused> open_;
  std::map<Position, Refused> at_fault_;
};

}  // namespace punchline
