#pragma once

#include <cstdint>

#include "agent/core/aside.h"
#include "agent/core/config.h"
#include "agent/core/envelope.h"
#include "agent/core/lanes.h"
#include "agent/core/ledger.h"
#include "agent/core/log.h"
#include "agent/core/refusal_judge.h"
#include "buffer/base/byte_range.h"
#include "buffer/base/clock.h"
#include "buffer/item.h"
#include "buffer/space.h"
#include "sinks/sink.h"

namespace punchline {

/// Deals with the records of one buffer that Kafka refuses: has RefusalJudge judge whose fault that
/// is, logs it, sets aside those that are at fault, and has the others offered again.
///
/// A refused record stays where it is until it is judged, and its lane goes on without it. One
/// thread.
class Refusals {
 public:
  /// All must outlive it.
  struct Parts {
    Space& space;
    const Ledger& ledger;
    Lanes& lanes;
    Envelope& envelope;
    Aside& aside;
    Log& log;
  };
  /// `seed` as for RefusalJudge.
  Refusals(Parts parts, const BufferConfig& config, std::uint32_t seed)
      : parts_(parts), config_(config), judge_(seed) {}

  RefusalJudge& judge() { return judge_; }
  const RefusalJudge& judge() const { return judge_; }

  /// The refusal says nothing about the record: lines are sent with the time of now, and that time
  /// was refused.
  bool is_fault_of_clock(const Delivery& refused);
  /// A record was refused alone, again and again or for certain. True: the topic was blamed until
  /// now, and it is the turn of what has been appended since.
  bool note(const Delivery& refused, TimePoint now);
  /// Records were confirmed. That can acquit those that were refused; they are then offered again.
  void note_arrival(const Delivery& arrived, TimePoint now);
  /// The main pass has met `item`, which was done before it came there.
  void note_done_before(const Item& item);
  /// Nothing is left to send that could tell whose fault it is. True: the topic is blamed.
  bool judge_at_end(TimePoint now);
  /// Once a turn: sets aside those that are at fault, as many as the quarantine takes.
  void settle();

 private:
  void blame_topic(TimePoint now);
  bool retime(const Delivery& refused);

  Parts parts_;
  const BufferConfig& config_;
  RefusalJudge judge_;
  bool retiming_told_ = false;
};

}  // namespace punchline
