#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <random>
#include <set>
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "agent/core/forwarder.h"
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

/// A quarantine that is only memory, and fails on demand.
class KeptStore final : public SetAsideStore {
 public:
  Status add(const QuarantineLabel& label, std::string_view content) override;
  Status sync() override;
  void lose_unsynced() { fresh_.clear(); }

  std::set<std::string> contents;       ///< Durable.
  std::vector<QuarantineLabel> labels;  ///< Of all that were added.
  bool fails_add = false;
  bool fails_sync = false;

 private:
  std::vector<std::string> fresh_;
};

/// A whole agent on a fake file, a fake sink and a fake clock. The verbs tell the story.
class World {
 public:
  World(std::int32_t partitions, std::uint32_t seed);

  MemoryFile file;
  ScriptedSink sink;
  KeptLog log;
  KeptStore store;
  MemoryReserve reserve{file};
  Format format = Format::lines;  ///< Of what append() appends.
  bool quarantines = false;       ///< What is set aside goes to the store.
  bool has_reserve = false;       ///< For when there is no room to free.
  bool keyed = false;             ///< In frames: each record's key is its first word.
  std::int64_t time_ms = -1;      ///< In frames: what they claim.
  /// The producer, one alone, has opened the file without O_APPEND: it goes on where it was, and a
  /// collapse makes a gap before that.
  bool own_offset = false;
  /// With own_offset: it makes room for so much ahead, and writes into that. 0: none.
  std::uint64_t room_bytes = 0;
  bool allocates_room = false;  ///< By fallocate(2), else by ftruncate(2).
  bool pauses = false;          ///< Seconds pass in the middle of a record that goes into room.
  /// A pipe that ends since its file was truncated is followed by a new one, as by Buffers.
  bool begins_anew = false;
  const KeySource* keys = nullptr;      ///< Of records without key.
  const KeySource* old_keys = nullptr;  ///< The same, by the spread that stands.
  BufferConfig config;
  FreerLimits limits;
  std::size_t pool_bytes = 16 << 20;
  std::uint64_t boot = 1;

  /// One record; remembered, so that check_all_arrived() can ask for it.
  void append(std::string_view payload);
  /// Whether a producer that comes before the agent glues nothing to a torn line, which nobody
  /// could tell from a record (FORMAT.md, "Limits").
  bool may_append_first();
  /// A record as it stands in the file.
  std::string bytes_of(std::string_view payload);
  FrameRecord record_of(std::string_view payload) const;
  /// A record that is over the limit, or that the sink objects to; remembered, so that it must be
  /// found somewhere.
  void append_undeliverable(std::string_view payload);
  /// Bytes that are no deliverable record.
  void append_raw(std::string_view bytes);
  void append_short(std::string_view payload);
  /// The producer opens the file, and goes on at its end.
  void reopen();
  /// Another one, which appends, comes behind the room that is left; the first goes on.
  void append_behind_room(std::string_view payload);
  /// A producer that begins at offset 0 starts, over whatever is there.
  void start_over() { below_offset_ = 0; }
  /// It goes on where it was, if that is free still.
  bool may_go_on_below();
  /// In one write. What lands where all is done must be found; what it overwrites need not arrive.
  void write_below(const std::vector<std::string>& payloads);
  void open();
  /// The agent is gone as by kill -9; the file stays as it is.
  void crash();
  /// After crash(): the machine goes down with it, and boots. What was not synced and had not
  /// arrived need not arrive any more, but if it does, as it was. In lines the first record behind
  /// a torn one is glued to it and may be set aside instead.
  void cut_power(Unsynced unsynced, std::mt19937& random);
  /// After crash() in a torn collapse, see MemoryFile: the machine boots. Where a producer has the
  /// file open, the NULs up to its old end are not closed, and the next record is glued to them; so
  /// it is where the file is begun anew, and with it the fence forgotten that parts them.
  void boot_after_torn_collapse();
  /// How many records were written so far.
  std::uint64_t written() const { return numbers_; }
  /// Those that were written below the front after the first `written` need not be kept.
  void forgive_strays_after(std::uint64_t written);
  /// The file's place is taken by a copy of it, with its attributes. While no agent is there. A
  /// copy of what was collapsed counts its positions from 0 again, by which partitions are chosen:
  /// order is not asked for from then on.
  void replace_by_copy();
  /// From now on order is not asked for: failing calls, power cuts and copies may leave an agent
  /// that starts without the count that the one before went by.
  void add_partition();
  /// Somebody does, while the agent runs: turns until it has begun anew.
  void truncate(std::uint64_t size);
  void turn(int times = 1);
  /// Turns, the clock moving on to what is due, until nothing is left to do.
  void drain(int turns_max = 20'000);
  void advance(Duration by) { now_ += by; }
  void stop();

  bool is_open() const { return forwarder_ != nullptr; }
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
  /// What is undeliverable is in the file, or durable in the store.
  void check_set_aside_kept();
  /// What was written below the front, or into room, whole and left alone has arrived, or is kept.
  void check_strays_kept();
  /// The same, and frames have arrived; where there is a store no line is merely in its place.
  void check_strays_seen();
  /// read = confirmed + unsettled + set aside + lost.
  void check_honest();
  std::uint64_t duplicates() const;

 private:
  /// How many records, in lines, may have become a part of what was torn or a gap.
  std::uint64_t may_glue() const { return cuts_ + gaps_ + torn_collapses_; }
  void check_order(std::int32_t partition, std::unordered_set<std::string>& arrived);

  struct Appended {
    Position position = 0;
    std::string bytes;         // as they stand there
    std::uint64_t number = 0;  // in the order of appending
    bool required = true;
    bool onto_text = false;  // below the front, where something stood
    bool arrived = false;  // as of the last note_arrivals()
  };
  using Known = std::unordered_map<std::string, Appended>;  // by payload
  void add_pipe();
  TimePoint turn_at_now();
  void remember(Known& as, std::string_view payload);
  void make_room(std::uint64_t end);
  void put_in_room(std::string_view bytes);
  void follow_truncation();
  bool is_seen_when_written(std::uint64_t offset);
  Position known_clean_to();
  bool is_room_known(Position at);
  void forgive_unknown_room();
  void forgive_overwritten(ByteRange positions);
  void note_rest(std::uint64_t offset);
  bool may_arrive(const std::string& payload) const;
  bool is_due(const std::string& payload, const Appended& stray);
  bool is_stray_delivered(const std::string& payload) const;
  bool is_stray_kept(const std::string& payload) const;
  bool is_kept_in_two(std::string_view bytes) const;
  void forgive_unsynced(Known& known);
  void forgive_rest_after_fence();
  void note_arrivals();
  Position standing_front();
  bool is_set_aside(const std::string& payload) const;
  bool has_been_at(const Appended& appended, Position position) const;
  Known appended_;
  Known undeliverable_;
  Known strays_;
  std::unordered_set<std::string> rests_;  // of lines written over in part, or behind NULs
  std::set<Position> room_ends_;
  bool spread_changed_ = false;
  std::vector<std::size_t> noted_;  // how much of each partition's log
  std::unique_ptr<Metrics> metrics_;
  std::unique_ptr<ChunkPool> pool_;
  std::unique_ptr<Checkpoint> checkpoint_;
  std::unique_ptr<LossAccount> losses_;
  std::unique_ptr<Forwarder> forwarder_;
  std::map<Uuid, std::uint64_t> rebased_;  // by how much positions are lower since a new beginning
  std::uint64_t starts_ = 0;
  std::set<Position> started_at_;  // fronts, as a boot had taken them back
  std::uint64_t numbers_ = 0;
  std::uint64_t cuts_ = 0;
  std::uint64_t copies_ = 0;
  std::uint64_t gaps_ = 0;
  std::uint64_t torn_collapses_ = 0;
  std::uint64_t offset_ = 0;               // of the producer without O_APPEND
  std::uint64_t room_end_ = UINT64_MAX;    // for it: others have come behind
  bool room_passed_before_ = false;        // others had come behind when the agent started
  std::uint64_t collapsed_seen_ = 0;       // by it
  bool opens_late_ = false;                // it does when it writes again
  std::uint64_t below_offset_ = 0;         // of the one that begins at offset 0
  bool truncated_ = false;
  std::int64_t clock_ns_ = 2'000'000'000;  // of births and boots
  std::int64_t boot_time_ns_ = 1;          // files here are born later
  TimePoint now_{std::chrono::hours(1)};
};

/// `count` records of some sixty bytes, numbered on from `from`.
void append_many(World& world, int from, int count);
/// How many it counts as set aside for this reason.
std::uint64_t set_aside(World& world, SetAsideReason reason);

}  // namespace punchline::testing
