#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "agent/core/log.h"
#include "agent/core/metrics.h"
#include "agent/core/pipe.h"
#include "buffer/base/clock.h"
#include "sinks/sink.h"

namespace punchline {

/// The control flow of the agent: decides what is done, and in which order, after each event.
///
/// turn() does a bounded amount of work and returns when to call it again; events only wake it. All
/// state belongs to the thread that calls it. It makes no system call, reads no clock and knows no
/// Kafka.
class Forwarder {
 public:
  /// All must outlive it.
  Forwarder(Sink& sink, Metrics& metrics, Log& log) : sink_(sink), metrics_(metrics), log_(log) {}

  /// The `owner` to construct the next pipe with.
  std::uint32_t next_owner() const { return next_owner_; }
  /// Takes a pipe made with next_owner().
  void add(std::unique_ptr<Pipe> pipe);
  /// Destroys a pipe. Reports for it that are still to come are dropped.
  void remove(const Pipe& pipe);
  std::size_t pipes() const { return pipes_.size(); }
  Pipe& pipe(std::size_t at) { return *pipes_[at]; }

  /// Deliveries -> done -> front -> free -> scan and offer -> what is due again -> figures.
  /// Returns when to call it again if nothing wakes it before; `now` or earlier: at once.
  TimePoint turn(TimePoint now);

  /// Pipe::hold() for all pipes, present and to come.
  void hold(bool held);
  /// Nothing complete waits in any buffer. Looks at the files at this moment.
  bool drained_by_files();
  /// Offers nothing more. The sink takes back what it has not sent yet.
  void stop();
  /// After stop(): every report is in.
  bool settled() const { return sink_.outstanding() == 0; }
  /// Takes the reports that came in meanwhile. Only Pipe::finish() comes after it.
  void take_last_deliveries(TimePoint now);

  /// Every pipe is drained (Pipe::drained()).
  bool drained() const;
  /// Every pipe is drained, or its topic refuses what it has (Pipe::is_refused()).
  bool all_drained_or_refused() const;
  std::uint64_t set_aside_records() const;

 private:
  bool take_deliveries(TimePoint now);
  Pipe* owner_of(const Delivery& delivery);
  bool feed(TimePoint now);
  void say(const Notice& notice);
  void show_cluster();
  void note_cluster(Pipe& pipe, TimePoint now);
  void show_trouble(TimePoint now);
  TimePoint unless_idle(TimePoint now);
  std::uint64_t work_done() const;

  Sink& sink_;
  Metrics& metrics_;
  Log& log_;
  std::vector<std::unique_ptr<Pipe>> pipes_;
  std::uint32_t next_owner_ = 0;
  std::vector<Delivery> deliveries_;  // reused
  std::vector<Notice> notices_;       // reused
  std::string trouble_;       // of the sink, as shown
  TimePoint brokers_due_{};   // when to show the brokers again
  std::string cluster_;       // the one that answered last
  bool changed_since_last_run_ = false;
  int turns_without_work_ = 0;   // in a row, each due at once
  std::uint64_t work_seen_ = 0;  // work_done() at the last of them
  std::size_t next_fed_ = 0;  // the pipe that is fed first next time
  bool held_ = false;
  bool stopping_ = false;
};

}  // namespace punchline
