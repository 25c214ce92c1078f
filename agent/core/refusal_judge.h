#pragma once

#include <cstddef>
#include <cstdint>
#include <utility>

#include "agent/core/refusal_rate.h"
#include "agent/core/unjudged.h"
#include "buffer/base/backoff.h"
#include "buffer/base/byte_range.h"
#include "buffer/base/clock.h"

namespace punchline {

/// Judges whose fault it is that Kafka refuses records: their own, or that of the topic.
///
/// A record that is refused whenever it is sent alone stays *unjudged* until another one arrives.
/// Then it is *condemned*: it is to be set aside. If nothing arrives that could tell, and too many
/// are refused, the topic is *blamed*: nothing is set aside, and only the first of them is tried
/// from time to time, as a *probe*, until the topic takes it. Pure. One thread.
class RefusalJudge {
 public:
  using Refused = Unjudged::Refused;

  /// `seed` spreads the probes of several buffers in time.
  explicit RefusalJudge(std::uint32_t seed);

  /// In an earlier run the topic has taken records that came before the first of this run.
  void has_taken_some() { rate_.has_taken_some(); }
  /// The same for records between others that had to stay.
  void arrived_before() { rate_.arrived_before(); }

  /// How to go on after a record was refused.
  enum class Noted : std::uint8_t {
    no,     ///< There is no room: it is to be offered again.
    known,  ///< It waits to be judged: go on with the next.
    blame,  ///< The same, but there are too many: call blame().
  };
  /// A record was refused alone, again and again or for certain.
  Noted note(const Refused& refused);

  /// What an arrival says about those that are unjudged.
  enum class Heard : std::uint8_t {
    nothing,
    condemned,  ///< Another record has arrived: they are at fault.
    acquitted,  ///< One of them has arrived: the topic takes them now, offer all of them again.
  };
  /// So many `records`, all within `range`, have arrived in this topic. `is_lagging`: others of the
  /// buffer still wait for their turn.
  Heard arrived(ByteRange range, std::size_t records, bool is_lagging);
  /// Nothing is left to send that could tell. True: blame() is due.
  bool judge_by_rate();

  /// From now on only probes are offered. True if that is to be logged: it has not been yet.
  bool blame(TimePoint now);
  /// The topic is no longer blamed. True if it was.
  bool end_blame();
  bool blames_topic() const { return blames_topic_; }
  /// When the next probe is due, while the topic is blamed.
  TimePoint probe_due() const { return probe_due_; }
  void probed(TimePoint now) { probe_due_ = now + backoff_.next(); }

  /// The clock of a broker, which refuses the time of now, is at fault. True if that is to be
  /// logged.
  bool blame_clock() { return !std::exchange(is_told_, true); }
  /// It was logged that the fault is not with the records, and that still holds.
  bool is_refusing() const { return is_told_; }
  /// Some of the last records were refused and set aside.
  bool any_refused() const { return rate_.any_refused(); }

  std::size_t unjudged() const { return records_.count(); }
  const Refused& first_unjudged() const { return records_.first(); }
  bool has_condemned() const { return records_.has_condemned(); }
  const Refused& first_condemned() const { return records_.first_condemned(); }
  void pop_condemned() { records_.pop_condemned(); }
  /// The record is unjudged or condemned, and so not to be offered.
  bool holds(ByteRange range) const { return records_.holds(range); }
  /// The record was delivered or given up.
  void forget(ByteRange range) { records_.forget(range); }
  bool empty() const { return records_.empty(); }

 private:
  Unjudged records_;
  RefusalRate rate_;
  bool is_told_ = false;
  bool blames_topic_ = false;
  TimePoint probe_due_{};
  Backoff backoff_;
};

}  // namespace punchline
