#pragma once

#include <compare>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "buffer/base/byte_range.h"
#include "buffer/base/result.h"
#include "sinks/chunk.h"

namespace punchline {

/// A destination (for Kafka: a topic) as a small number given out by the sink.
using RouteId = std::uint32_t;

/// One partition of one destination.
struct Lane {
  RouteId route = 0;
  std::int32_t partition = 0;
  friend constexpr auto operator<=>(const Lane&, const Lane&) = default;
};

/// What became of records that a sink had taken. Only `persisted` lets a byte be freed.
enum class Outcome : std::uint8_t {
  persisted,      ///< Confirmed with a place of its own (Kafka: error 0 and offset >= 0).
  not_persisted,  ///< Certainly not there: send again, no duplicate can arise.
  unknown,        ///< May be there: send again, a duplicate may arise.
  refused,        ///< Not there, and the destination objects to some record of this request.
};

/// A report about a contiguous run of records of one lane.
struct Delivery {
  Lane lane;
  std::uint32_t owner = 0;  ///< Chunk::owner of the records.
  Outcome outcome = Outcome::unknown;
  /// refused: this one record is what the destination objects to. Nothing else of its lane was
  /// under way, and nothing else in its request.
  bool alone = false;
  std::int32_t code = 0;  ///< The sink's own error code (rd_kafka_resp_err_t), 0 for none.
  /// persisted: the first record's place in its lane, the others follow (Kafka: its offset).
  std::int64_t offset = -1;
  ByteRange range;  ///< Positions; exactly the extents of `records` records.
  std::uint32_t records = 0;
  std::uint64_t payload_bytes = 0;
};

/// Something an operator should know. Sinks do not log; the agent does.
struct Notice {
  enum class Severity : std::uint8_t { info, warning, error };
  Severity severity = Severity::info;
  std::int32_t code = 0;
  std::string text;
};

/// One of the machines that a destination consists of.
struct BrokerState {
  std::int32_t id = 0;
  std::string address;  ///< "host:port", as the destination names it.
  std::string trouble;  ///< Why what waits for it cannot go out; "" while it can.
  /// By a quota it has let us wait so long, lately; 0 while it does not.
  std::uint64_t throttle_ms = 0;
  friend bool operator==(const BrokerState&, const BrokerState&) = default;
};

/// One of the places where records go to (Kafka: a topic).
struct TopicState {
  std::string name;
  bool missing = false;               ///< The destination says that there is no such thing.
  std::int32_t partitions = 0;        ///< 0 while not known.
  std::int32_t without_leader = 0;    ///< As the destination said last.
  std::int32_t without_progress = 0;  ///< With records in flight, and none confirmed for 5 s.
  friend bool operator==(const TopicState&, const TopicState&) = default;
};

/// How much may be offered to a lane right now.
struct Room {
  std::size_t records = 0;
  std::size_t payload_bytes = 0;
};

/// Whose time counts for a record that has none of its own (RecordExtra::timestamp_ms).
enum class TimeOf : std::uint8_t {
  sender,       ///< That of offer().
  destination,  ///< It goes without one.
};

/// Where records go. One thread calls it; no call blocks.
///
/// Life of a record: offer() takes it, and from then on exactly one Delivery covers it, or the
/// epoch of its lane changes: then everything offered on that lane before and not yet reported has
/// the outcome `unknown` and no Delivery for it will come. The sink holds each taken record's chunk
/// until it can no longer touch the memory, which may be later than the report.
class Sink {
 public:
  virtual ~Sink() = default;

  /// Readable (poll(2)) when poll() has something to do. Stays the same; the sink owns it.
  virtual int wait_fd() const = 0;

  /// Names a destination. The same name gives the same id. Never fails: a destination that does
  /// not exist has no partitions, and a Notice says so.
  virtual RouteId open_route(const std::string& name) = 0;

  /// Number of partitions, 0 while not known. May change at any time; never goes back to 0.
  virtual std::int32_t partition_count(RouteId route) const = 0;

  /// What the lane can take now. 0 records: wait for a poll() that changes it.
  /// One record may be offered whenever `records > 0`, even if larger than `payload_bytes`.
  virtual Room room(Lane lane) const = 0;

  /// Takes a prefix of `run` (records of one chunk, in order) and says how long it is. The records
  /// must stay where they are in their chunk until the chunk is released. Order of acceptance is
  /// order of appending within a lane; after a record that was not persisted nothing offered
  /// behind it on that lane before its report is appended either (strict order).
  virtual std::size_t offer(Lane lane, std::span<const Record> run) = 0;

  /// Of what is offered from now on; at first `sender`.
  virtual void set_time_of(TimeOf /*whose*/) {}

  /// Appends what is known by now, in the order it happened; bounded per call (about 50,000
  /// records), so call again while it returns true.
  virtual bool poll(std::vector<Delivery>& deliveries, std::vector<Notice>& notices) = 0;

  /// See the class comment.
  virtual std::uint64_t epoch(Lane lane) const = 0;
  /// How many clients were lost so far; changes whenever the epoch of any lane does.
  virtual std::uint64_t losses() const = 0;

  /// Why nothing can go out, or a part of it, as far as is known; "" while all may.
  virtual std::string trouble() const { return {}; }
  /// False while nothing at all can.
  virtual bool is_up() const { return true; }
  /// The destination says that there is no such thing.
  virtual bool is_missing(RouteId /*route*/) const { return false; }
  virtual std::vector<BrokerState> brokers() const { return {}; }
  virtual std::vector<TopicState> topics() const { return {}; }

  /// The id of the cluster that answered last; "" while none is known.
  virtual std::string cluster() const { return {}; }
  /// Places (Kafka: offsets) that were confirmed and are gone, as far as was seen.
  virtual std::uint64_t lost_places() const { return 0; }

  /// Records taken in this epoch and not yet reported.
  virtual std::size_t outstanding() const = 0;

  /// Takes back what has not been sent yet (each gets its Delivery, not_persisted, by poll());
  /// what is on the wire goes on. After this offer() takes nothing more.
  virtual void stop() = 0;
};

}  // namespace punchline
