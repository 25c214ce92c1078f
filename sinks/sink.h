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

/// A destination (for Kafka: a topic), as a small number that the sink gives out.
using RouteId = std::uint32_t;

/// One partition of one destination.
struct Lane {
  RouteId route = 0;
  std::int32_t partition = 0;
  friend constexpr auto operator<=>(const Lane&, const Lane&) = default;
};

/// What became of records that a sink had taken. Only `persisted` allows a byte to be freed.
enum class Outcome : std::uint8_t {
  persisted,      ///< Confirmed, with a place of its own (Kafka: error 0 and offset >= 0).
  not_persisted,  ///< Certainly not there: send it again; that makes no duplicate.
  unknown,        ///< Perhaps there: send it again; that may make a duplicate.
  refused,        ///< Not there, and the destination objects to some record of this request.
  lost,           ///< As `unknown`, for everything of the lane that was not reported before.
};

/// A report about a contiguous run of records of one lane. If they are `lost`, it is about whatever
/// any owner has under way on the lane, and `lane` is all that it says.
struct Delivery {
  Lane lane;
  std::uint32_t owner = 0;  ///< Chunk::owner of the records.
  Outcome outcome = Outcome::unknown;
  /// refused: the destination objects to this very record. It was the only one of its lane under
  /// way, and the only one in its request.
  bool alone = false;
  std::int32_t code = 0;  ///< The sink's own error code (rd_kafka_resp_err_t); 0: none.
  /// persisted: the first record's place in its lane; the others follow (Kafka: its offset).
  std::int64_t offset = -1;
  ByteRange range;  ///< Positions; exactly the extents of `records` records.
  std::uint32_t records = 0;
  std::uint64_t payload_bytes = 0;
};

/// The report that says that a lane was lost.
inline Delivery lost(Lane lane) {
  Delivery delivery;
  delivery.lane = lane;
  delivery.outcome = Outcome::lost;
  return delivery;
}

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
  std::string trouble;  ///< Why the records that wait for it cannot go out; "" while they can.
  /// How long it has lately made us wait because of a quota; 0 while it does not.
  std::uint64_t throttle_ms = 0;
  friend bool operator==(const BrokerState&, const BrokerState&) = default;
};

/// One of the destinations (Kafka: a topic).
struct TopicState {
  std::string name;
  bool missing = false;               ///< The cluster says that it does not exist.
  std::int32_t partitions = 0;        ///< 0 while not known.
  std::int32_t without_leader = 0;    ///< Of these, according to the last answer.
  std::int32_t without_progress = 0;  ///< Of these: records in flight, none confirmed for 5 s.
  friend bool operator==(const TopicState&, const TopicState&) = default;
};

/// How much may be offered to a lane right now.
struct Room {
  std::size_t records = 0;
  std::size_t payload_bytes = 0;
};

/// Which timestamp a record gets that has none of its own (RecordExtra::timestamp_ms).
enum class TimeOf : std::uint8_t {
  sender,       ///< The time of offer().
  destination,  ///< None: the record goes without one.
};

/// Where records go. One thread calls it; no call blocks.
///
/// Life of a record: offer() takes it. After that exactly one Delivery covers it: one of its own
/// run, or one that says that its lane was `lost` (a client went, and with it what it knew). The
/// sink holds the chunk of each taken record until it can no longer touch the memory, which can be
/// later than the report.
class Sink {
 public:
  virtual ~Sink() = default;

  /// Readable (poll(2)) when poll() has something to do. It never changes; the sink owns it.
  virtual int wait_fd() const = 0;

  /// Names a destination. The same name gives the same id. Never fails: a destination that does
  /// not exist has no partitions, and a Notice says so.
  virtual RouteId open_route(const std::string& name) = 0;

  /// The number of partitions; 0 while not known. It can change at any time, but never back to 0.
  virtual std::int32_t partition_count(RouteId route) const = 0;

  /// How much the lane can take now. 0 records: wait for a poll() that changes it.
  /// If `records > 0`, one record can always be offered, even if it is larger than
  /// `payload_bytes`.
  virtual Room room(Lane lane) const = 0;

  /// Takes a prefix of `run` (records of one chunk, in order) and returns its length. The records
  /// must stay where they are in their chunk until the chunk is released. Within a lane, records
  /// are appended in the order in which they were taken. If a record is not persisted, nothing that
  /// was offered after it on that lane, before its report, is appended either (strict order).
  virtual std::size_t offer(Lane lane, std::span<const Record> run) = 0;

  /// Applies to records that are offered from then on. `sender` until it is called.
  virtual void set_time_of(TimeOf /*whose*/) {}

  /// Appends all news, in the order in which it happened. The work per call is bounded (about
  /// 50,000 records), so call it again while it returns true.
  virtual bool poll(std::vector<Delivery>& deliveries, std::vector<Notice>& notices) = 0;

  /// How many clients were lost so far, for the metrics.
  virtual std::uint64_t losses() const = 0;

  /// Why nothing, or not everything, can go out, if that is known; "" while all can.
  virtual std::string trouble() const { return {}; }
  /// False while nothing at all can go out.
  virtual bool is_up() const { return true; }
  /// The cluster says that this destination does not exist.
  virtual bool is_missing(RouteId /*route*/) const { return false; }
  virtual std::vector<BrokerState> brokers() const { return {}; }
  virtual std::vector<TopicState> topics() const { return {}; }

  /// The id of the cluster that answered last; "" while none is known.
  virtual std::string cluster() const { return {}; }
  /// How many places (Kafka: offsets) were confirmed and are known to be gone.
  virtual std::uint64_t lost_places() const { return 0; }

  /// The number of records taken and not yet reported.
  virtual std::size_t outstanding() const = 0;

  /// Takes back the records that have not been sent yet: each gets its Delivery, not_persisted, by
  /// poll(). Records on the wire go on. From then on offer() takes nothing.
  virtual void stop() = 0;
};

}  // namespace punchline
