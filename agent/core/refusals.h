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

/// What one buffer does about records that Kafka refuses: it has RefusalJudge judge whose fault
/// that is, says so, sets aside those that are at fault, and offers the others again.
///
/// A record that is refused stays where it is until it is judged, and its lane goes on without it.
/// One thread.
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

  /// The refusal says nothing about the record: lines go with the time of now, and that is refused.
  bool is_fault_of_clock(const Delivery& refused);
  /// A record was refused alone, again and again or for certain. True: the topic was blamed until
  /// now, and what has been appended since has its turn.
  bool note(const Delivery& refused, TimePoint now);
  /// Records were confirmed, which may acquit those that were refused: these are offered again.
  void note_arrival(const Delivery& arrived, TimePoint now);
  /// The main pass has met what was done before it came.
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
