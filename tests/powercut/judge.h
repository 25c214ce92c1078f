#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "tests/powercut/aftermath.h"
#include "tests/powercut/disk_log.h"
#include "tests/powercut/recording.h"

namespace punchline::testing {

/// What may and what must not have come of a cut.
struct Verdict {
  std::uint64_t durable = 0;          ///< Records that were so when the power went ...
  std::uint64_t delivered_after = 0;  ///< ... of which so many came only in the next life,
  std::uint64_t durable_aside = 0;    ///< and so many were set aside.
  std::uint64_t duplicates = 0;       ///< Arrivals of what had been delivered before.
  std::uint64_t torn_delivered = 0;   ///< Lines: text torn by the cut, as FORMAT.md's Limits say.
  std::uint64_t new_aside = 0;        ///< Lines: of the next life, glued to torn text.
  std::vector<std::string> wrong;     ///< Sentences.
};

/// Judges the cuts of one recording.
///
/// A record is durable at a cut if the mark that says so is in the log before it; marks are made
/// when fdatasync(2) has returned. It counts as delivered before the cut if the broker's time of
/// it (LogAppendTime, whole milliseconds, rounded down) is not after the time of the last entry
/// on the disk. Both are this machine's clock, and the broker's time is never later than the
/// report that lets the agent free the record, so a sound agent is never accused; one that frees
/// a record too early is acquitted where the broker had it within that millisecond.
class Judge {
 public:
  /// `first_life`: all that is in the recording's topic. All must outlive this.
  Judge(const Recording& recording, const DiskLog& log, const std::vector<Arrival>& first_life);

  /// The first and the last moment to cut at, in entries.
  std::size_t begin() const { return begin_; }
  std::size_t end() const { return end_; }
  /// What the first life delivered that nobody had appended.
  const std::vector<std::string>& wrong_before() const { return wrong_before_; }

  Verdict judge(std::size_t entries, const NextLife& life, const Aftermath& found) const;

 private:
  struct Durable {
    std::size_t entries = 0;  // from here on
    std::uint64_t buffer_bytes = 0;
    std::vector<std::uint64_t> records;  // by producer
  };
  struct Cut;

  void take_mark(std::size_t entries, std::string_view text);
  void judge_arrival(Cut& cut, const Arrival& arrival) const;
  void judge_unproved(Cut& cut, const std::string& text) const;
  void judge_durable(Cut& cut) const;
  void judge_new(Cut& cut) const;
  void judge_front(Cut& cut) const;
  bool was_begun(RecordId id, std::int64_t time_ns) const;

  const Recording& recording_;
  const DiskLog& log_;
  std::size_t begin_ = 0;
  std::size_t end_ = 0;
  std::vector<Durable> durable_;                         // ascending
  std::vector<std::vector<std::int64_t>> delivered_ms_;  // by producer and number; the first time
  std::vector<std::string> wrong_before_;
};

}  // namespace punchline::testing
