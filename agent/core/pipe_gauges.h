#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>

#include "agent/core/config.h"
#include "agent/core/freer.h"
#include "agent/core/ledger.h"
#include "agent/core/log.h"
#include "agent/core/loss_account.h"
#include "agent/core/metrics.h"
#include "agent/core/set_aside_notes.h"
#include "agent/core/tail_age.h"
#include "agent/core/trouble_log.h"
#include "buffer/base/clock.h"
#include "buffer/checkpoint.h"
#include "buffer/lines.h"
#include "buffer/space.h"
#include "sinks/sink.h"

namespace punchline {

/// Counts, shows and logs for a pipe. Each record is counted as read once, however often it is met.
/// While a file that lost its name is forwarded beside the new one, both have gauges on the same
/// figures. One thread.
class PipeGauges {
 public:
  struct Parts {
    Space& space;
    Checkpoint& checkpoint;
    const Ledger& ledger;
    const Freer& freer;
    BufferMetrics& metrics;
    LossAccount& losses;
    Log& log;
  };
  PipeGauges(Parts parts, const BufferConfig& config, TimePoint now);
  ~PipeGauges() { show_age({}); }
  PipeGauges(const PipeGauges&) = delete;
  PipeGauges& operator=(const PipeGauges&) = delete;

  /// Records were met for the first time.
  void count_read(ByteRange range, std::size_t records);
  /// The same for an item that is set aside.
  void count_set_aside(const Item& item);
  /// A record was met where something else was counted before, as in room that was written into
  /// since.
  void count_again(ByteRange record);
  /// A stray is set aside: it was written where all had been read.
  void count_stray(const Item& item);
  /// A stray frame was delivered and confirmed.
  void count_stray_arrived(ByteRange frame);
  /// The destination refuses a record, counted as read before, with `error`.
  void count_refused(const Item& item, const std::string& error);
  /// A record was given up.
  void count_dropped(ByteRange range);
  /// The buffer holds half of bytes_max or more: better to free what is done now than to keep it
  /// for larger punches.
  bool is_near_limit() const {
    return config_.bytes_max > 0 && data_.get() >= config_.bytes_max / 2;
  }
  /// By how much the buffer is over bytes_max. Empty if that was not measured since the last call.
  std::optional<std::uint64_t> take_over_limit() {
    return std::exchange(over_limit_bytes_, std::nullopt);
  }
  /// A range that was set aside is in the quarantine now.
  void count_quarantined() { parts_.metrics.records_quarantined.add(1); }
  void count_confirmed(const Delivery& delivery);
  /// `room` holds NULs up to the end of the file. They do not count as waiting, since a producer
  /// may have made them ahead.
  void note_room(ByteRange room) { room_ = room; }
  std::uint64_t set_aside_records() const { return set_aside_records_; }
  /// Read, and so far neither confirmed, set aside nor lost.
  std::uint64_t unsettled_records() const;
  std::uint64_t unsettled_bytes() const;

  /// Logs a trouble when it begins or changes, and when it is over.
  void say(const Trouble& trouble, TimePoint now);
  void say(const Error& error, TimePoint now);
  /// Logs, once in five minutes, that nothing can be freed for want of room, which only somebody
  /// else can make.
  void say_no_room(const Error& refusal, std::uint64_t unfreed_bytes, TimePoint now);

  /// Called once a turn; sizes are looked up about once a second. True if the file has grown since
  /// they were last looked up.
  bool show(std::uint64_t in_flight, TimePoint now);
  bool show_now(std::uint64_t in_flight, TimePoint now);
  TimePoint due() const { return show_due_; }
  /// The pipe ends: logs what has not been logged yet.
  void say_the_rest(TimePoint now) { say_set_aside(notes_.rest(now)); }

 private:
  void show_counts(std::uint64_t in_flight);
  void show_waiting();
  void show_age(std::chrono::milliseconds age);
  struct Data {
    std::uint64_t bytes = 0;
    std::uint64_t set_aside_bytes = 0;  // those of them that are set aside in place
  };
  void look_at_limit(const Data& data);
  void look_at_size(std::uint64_t size);
  void note_set_aside(const Item& item, const std::string& why);
  std::string keeping_place(const Item& item) const;
  void say_set_aside(const std::optional<std::string>& sentence);
  void tell_of_dropped();
  Data data_from(Position from, const FileFacts& facts);
  std::uint64_t set_aside_in(ByteRange segment) const;

  Parts parts_;
  const BufferConfig& config_;
  std::string path_;
  Share in_flight_, waiting_, logical_, data_, allocated_;
  std::chrono::milliseconds age_{};
  std::uint64_t freed_bytes_ = 0;
  Position end_ = 0;  // of the file, when last looked at
  ByteRange room_;    // the room at its end, as long as the file still ends there
  std::uint64_t set_aside_records_ = 0;
  SetAsideNotes notes_;
  TailAge tail_age_;
  TimePoint show_due_;
  std::uint64_t size_told_from_ = 1ULL << 40;  // doubles each time
  std::optional<std::uint64_t> over_limit_bytes_;
  bool over_limit_told_ = false;
  bool stray_frames_told_ = false;
  ByteRange dropped_;  // since that was last logged
  std::uint64_t dropped_records_ = 0;
  TroubleLog troubles_;
  TimePoint no_room_due_ = TimePoint::min();  // when to log it again
};

}  // namespace punchline
