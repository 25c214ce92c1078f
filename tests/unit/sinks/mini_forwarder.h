#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <span>
#include <string>
#include <vector>

#include "sinks/chunk.h"
#include "sinks/sink.h"

namespace punchline {

/// The least that can drive a sink in strict order: records in chunks, offered lane by lane, sent
/// again from the first that did not arrive once a lane has settled. Record i is the line
/// "record-<i>" padded to a fixed length, so that its position tells its number.
class MiniForwarder {
 public:
  using Condition = std::function<bool()>;

  MiniForwarder(Sink& sink, const std::string& topic, std::size_t payload_bytes = 100);
  ~MiniForwarder();
  MiniForwarder(const MiniForwarder&) = delete;
  MiniForwarder& operator=(const MiniForwarder&) = delete;

  /// `count` more records for partition `partition`.
  void append(std::size_t count, std::int32_t partition = 0);
  /// One more record of another length.
  void append_sized(std::size_t payload_bytes, std::int32_t partition = 0);

  /// Sent with what is appended from now on, in a chunk of its own. Not owned.
  void set_common(const CommonHeaders* common) { common_ = common; }

  /// Turns until `done` holds. False when `timeout` is over.
  bool run_until(const Condition& done,
                 std::chrono::milliseconds timeout = std::chrono::seconds(20));
  /// All appended records are persisted.
  bool all_done() const;
  bool partitions_known() const { return sink_.partition_count(route_) > 0; }
  /// What partition `partition` should hold, in order.
  std::vector<std::string> expected(std::int32_t partition = 0) const;

  /// Records `from` up to `to`, of one chunk.
  std::span<const Record> records(std::size_t from, std::size_t to) const;
  /// Records below this number only are offered.
  void offer_below(std::size_t limit) { offer_limit_ = limit; }
  /// Called with each report.
  void on_delivery(std::function<void(const Delivery&)> call) { on_delivery_ = std::move(call); }
  /// Gives up records that are refused alone, as the agent does.
  void set_aside_refused() { set_aside_ = true; }
  std::size_t set_aside() const { return set_aside_count_; }

  std::size_t taken() const { return taken_; }
  std::size_t done() const { return done_; }
  /// How often what this partition had in flight was lost.
  std::size_t losses(std::int32_t partition) const { return lanes_.at(partition).losses; }
  std::size_t reports(std::int32_t code) const;
  std::size_t reports(Outcome outcome) const;
  const std::vector<Notice>& notices() const { return notices_; }
  std::size_t in_flight_most() const { return in_flight_most_; }
  /// A request failed that left room for another one of its lane on the wire: librdkafka sends that
  /// behind fewer than five records (rd_kafka_toppar_producer_serve). A broker refuses it by its
  /// sequence number; the mock, which checks none, appends it. So then its order proves nothing.
  bool mock_may_reorder() const { return mock_may_reorder_; }
  RouteId route() const { return route_; }
  ChunkPool& pool() { return pool_; }
  /// Chunks that something other than this object holds.
  std::size_t chunks_held_by_sink() const;

 private:
  enum class State : std::uint8_t { waiting, in_flight, done };
  struct Entry {
    Record record;
    State state = State::waiting;
  };
  struct LaneQueue {
    std::vector<std::size_t> entries;  // indices
    std::size_t next = 0;              // of `entries`
    std::size_t in_flight = 0;
    bool failed = false;
    std::size_t losses = 0;
  };

  Chunk& chunk_for(std::size_t bytes);
  void turn();
  void take(const Delivery& delivery);
  void lose(Lane lane);
  void rewind(LaneQueue& queue);
  void feed(std::int32_t partition, LaneQueue& queue);

  Sink& sink_;
  RouteId route_;
  std::size_t payload_bytes_;
  ChunkPool pool_{std::size_t{1} << 30U};
  std::vector<Chunk*> chunks_;
  const CommonHeaders* common_ = nullptr;
  std::size_t chunk_used_ = 0;
  Position end_ = 0;
  std::vector<Entry> entries_;
  std::map<Position, std::size_t> by_position_;
  std::map<std::int32_t, LaneQueue> lanes_;
  std::size_t offer_limit_ = SIZE_MAX;
  bool set_aside_ = false;
  std::size_t set_aside_count_ = 0;
  std::size_t taken_ = 0;
  std::size_t done_ = 0;
  std::size_t in_flight_most_ = 0;
  bool mock_may_reorder_ = false;
  std::map<std::int32_t, std::size_t> by_code_;
  std::map<Outcome, std::size_t> by_outcome_;
  std::vector<Notice> notices_;
  std::function<void(const Delivery&)> on_delivery_;
};

/// How many of its notices say `part`.
std::size_t count_notices(const MiniForwarder& forwarder, const std::string& part);

}  // namespace punchline
