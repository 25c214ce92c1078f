#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "agent/forwarder.h"
#include "tests/support/memory_file.h"
#include "tests/support/scripted_sink.h"

namespace punchline::testing {

/// A log that keeps what it is told.
class KeptLog final : public Log {
 public:
  void write(LogLevel, std::string_view text) override { lines.emplace_back(text); }
  bool has(std::string_view part) const;
  std::vector<std::string> lines;
};

/// A whole agent on a fake file, a fake sink and a fake clock. The verbs tell the story.
class World {
 public:
  World(std::int32_t partitions, std::uint32_t seed);

  MemoryFile file;
  ScriptedSink sink;
  KeptLog log;
  BufferConfig config;
  LedgerLimits limits;
  std::size_t pool_bytes = 16 << 20;
  std::uint64_t boot = 1;

  /// One record; remembered, so that check_all_arrived() can ask for it.
  void append(std::string_view payload);
  /// Bytes that are no deliverable record.
  void append_raw(std::string_view bytes) { file.producer_appends(bytes); }
  void open();
  /// The agent is gone as by kill -9; the file stays as it is.
  void crash();
  void turn(int times = 1);
  /// Turns, the clock moving on to what is due, until nothing is left to do.
  void drain(int turns_max = 20'000);
  void advance(Duration by) { now_ += by; }
  void stop();

  Forwarder& forwarder() { return *forwarder_; }
  Pipe& pipe() { return forwarder_->pipe(0); }
  BufferMetrics& metrics() { return metrics_->buffers.front(); }
  Checkpoint& checkpoint() { return *checkpoint_; }
  ChunkPool& pool() { return *pool_; }
  TimePoint now() const { return now_; }

  /// Each appended record is in the log of one partition, first arrivals in order, nothing else
  /// is there.
  void check_all_arrived();
  /// Nothing that has not arrived is below the front or turned to NUL; callable at any moment.
  void check_nothing_freed_early();
  /// read = confirmed + unsettled + set aside.
  void check_honest();
  std::uint64_t duplicates() const;

 private:
  void check_order(std::int32_t partition, std::set<std::string>& arrived);

  std::map<std::string, std::uint64_t> appended_;  // payload -> position
  std::unique_ptr<Metrics> metrics_;
  std::unique_ptr<ChunkPool> pool_;
  std::unique_ptr<Checkpoint> checkpoint_;
  std::unique_ptr<Forwarder> forwarder_;
  TimePoint now_{std::chrono::hours(1)};
};

}  // namespace punchline::testing
