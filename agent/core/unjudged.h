#pragma once

#include <cstddef>
#include <cstdint>
#include <map>

#include "buffer/base/byte_range.h"

namespace punchline {

/// Records that the destination refused, each alone, and for which it is not known yet whether that
/// is their own fault or that of a topic which takes nothing.
///
/// While none arrives the buffer goes on past them, one record after the other. They are certainly
/// not in Kafka, so no order is broken. As soon as another record arrives, all of them are *at
/// fault* and wait to be set aside. Only their positions are kept, and only in memory: after a
/// restart they are tried again. Pure. One thread.
class Unjudged {
 public:
  static constexpr std::size_t kMax = 20'000;

  struct Refused {
    ByteRange range;
    std::int32_t partition = 0;
    std::int32_t code = 0;  ///< The sink's error code.
  };

  /// False if there are kMax already, judged or not. A known one is not added again.
  bool note(const Refused& refused);
  bool holds(ByteRange range) const;
  /// The record was delivered or given up, and is no longer to be set aside.
  void forget(ByteRange range);

  /// How many are not judged, and the lowest of them.
  std::size_t count() const { return open_.size(); }
  const Refused& first() const { return open_.begin()->second; }
  /// Each of them was refused for its size. That is a fault of the record, whatever became of
  /// others.
  bool all_for_size() const;
  /// There are kMax, judged or not.
  bool is_full() const { return open_.size() + at_fault_.size() >= kMax; }
  /// The fault was the topic's: they are to be offered again.
  void acquit() { open_.clear(); }
  /// The fault is theirs.
  void condemn();

  bool has_condemned() const { return !at_fault_.empty(); }
  const Refused& first_condemned() const { return at_fault_.begin()->second; }
  /// The first of them has been dealt with.
  void pop_condemned() { at_fault_.erase(at_fault_.begin()); }

  bool empty() const { return open_.empty() && at_fault_.empty(); }

 private:
  std::map<Position, Refused> open_;
  std::map<Position, Refused> at_fault_;
};

}  // namespace punchline
