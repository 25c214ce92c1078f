#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <limits>
#include <random>
#include <set>
#include <string>
#include <vector>

#include "sinks/sink.h"

namespace punchline::testing {

/// A sink that is only memory. It keeps what "arrived", and misbehaves as Kafka does, by a seed.
///
/// Like the real one it keeps strict order. Once a record of a lane is not persisted, the records
/// offered after it on that lane are not either, until all of them have been reported. After a
/// refusal the suspect goes alone.
class ScriptedSink final : public Sink {
 public:
  struct Arrived {
    std::string payload;
    std::uint32_t owner = 0;
    Position position = 0;
    std::int64_t time_ms = -1;          ///< As RecordExtra has them.
    std::int64_t refused_time_ms = -1;
  };
  struct Moods {
    int fail_percent = 0;       ///< A run fails: not persisted, unknown (perhaps there), refused.
    int epoch_percent = 0;      ///< At a poll the client is lost.
    int report_percent = 100;   ///< A run in flight is answered at this poll.
    std::size_t window = 1000;  ///< Records in flight per lane.
  };

  ScriptedSink(std::int32_t partitions, std::uint32_t seed)
      : random_(seed), partitions_(partitions), lanes_(static_cast<std::size_t>(partitions)) {}

  Moods moods;
  /// Partitions that answer nothing.
  std::set<std::int32_t> mute;
  std::string cluster_id = {};
  std::string known_trouble = {};
  bool missing = false;  ///< The topic.
  bool up = true;        ///< Brokers answer.
  /// Payloads the destination objects to.
  std::function<bool(const std::string&)> objects = [](const std::string&) { return false; };

  /// What it answers to them: MSG_SIZE_TOO_LARGE.
  std::int32_t objection = 10;

  /// Times above this are refused, with INVALID_TIMESTAMP.
  std::int64_t time_max_ms = std::numeric_limits<std::int64_t>::max();

  /// The time of now, with which records go that have none, is refused in the same way.
  bool refuses_now = false;

  /// What is in the log of each partition, in its order, repetitions included.
  const std::vector<Arrived>& log(std::int32_t partition) const {
    return lanes_[static_cast<std::size_t>(partition)].log;
  }
  std::int32_t partitions() const { return partitions_; }
  /// Only while nothing is outstanding, like a cluster that is asked anew after a restart.
  void set_partitions(std::int32_t count);
  std::uint64_t offers() const { return offers_; }

  int wait_fd() const override { return -1; }
  RouteId open_route(const std::string&) override { return 0; }
  std::int32_t partition_count(RouteId) const override { return partitions_; }
  Room room(Lane lane) const override;
  std::size_t offer(Lane lane, std::span<const Record> run) override;
  bool poll(std::vector<Delivery>& deliveries, std::vector<Notice>& notices) override;
  std::uint64_t losses() const override { return losses_; }
  std::string cluster() const override { return cluster_id; }
  std::string trouble() const override { return known_trouble; }
  bool is_up() const override { return up; }
  bool is_missing(RouteId) const override { return missing; }
  std::size_t outstanding() const override;
  void stop() override;

 private:
  struct LaneLog {
    std::vector<Arrived> log;
    std::deque<const Record*> flight;
    bool careful = false;  // since a refusal: one record at a time
  };

  bool has_bad_time(const Record& record) const;
  bool refuses(const Record& record) const;
  bool percent(int share) { return static_cast<int>(random_() % 100) < share; }
  void lose_client(std::vector<Delivery>& deliveries);
  void answer(std::int32_t partition, std::vector<Delivery>& deliveries);
  void report(std::int32_t partition, std::size_t count, Outcome outcome,
              std::vector<Delivery>& deliveries);
  void append(LaneLog& lane, const Record& record);

  std::mt19937 random_;
  std::int32_t partitions_;
  std::vector<LaneLog> lanes_;
  std::uint64_t losses_ = 0;
  std::uint64_t offers_ = 0;
  bool stopped_ = false;
};

}  // namespace punchline::testing
