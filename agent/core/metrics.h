#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <deque>
#include <mutex>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "buffer/lines.h"
#include "buffer/losses.h"
#include "sinks/sink.h"

namespace punchline {

/// A number that one thread writes and any thread reads. Relaxed: it orders nothing, and a write
/// costs the same as one to a plain integer.
class Figure {
 public:
  void add(std::uint64_t n) { set(get() + n); }
  void set(std::uint64_t n) { value_.store(n, std::memory_order_relaxed); }
  std::uint64_t get() const { return value_.load(std::memory_order_relaxed); }

 private:
  std::atomic<std::uint64_t> value_{0};
};

/// One of several parts of a Figure. Its last value is part of the sum until it is destroyed.
class Share {
 public:
  explicit Share(Figure& whole) : whole_(whole) {}
  ~Share() { set(0); }
  Share(const Share&) = delete;
  Share& operator=(const Share&) = delete;

  void set(std::uint64_t n) { whole_.add(n - std::exchange(mine_, n)); }
  std::uint64_t get() const { return mine_; }

 private:
  Figure& whole_;
  std::uint64_t mine_ = 0;
};

/// Counts errors by the sink's code. There is room for a fixed number of different codes; the rest
/// are counted under kOther. One thread adds, any thread reads.
class CodeCounts {
 public:
  static constexpr std::size_t kCodesMax = 63;
  static constexpr std::int32_t kOther = INT32_MIN;

  void add(std::int32_t code, std::uint64_t n);
  /// Codes in order of first appearance, with their counts; kOther last, if it was needed.
  std::vector<std::pair<std::int32_t, std::uint64_t>> read() const;

 private:
  struct Slot {
    std::int32_t code = 0;  // written before used_ makes the slot visible
    Figure count;
  };
  std::array<Slot, kCodesMax + 1> slots_;
  std::atomic<std::size_t> used_{0};
};

/// A value that one thread writes, seldom, and any thread reads.
template <class T>
class Shared {
 public:
  void set(T value) {
    const std::lock_guard guard(mutex_);
    value_ = std::move(value);
  }
  T get() const {
    const std::lock_guard guard(mutex_);
    return value_;
  }

 private:
  mutable std::mutex mutex_;
  T value_;
};
using SharedText = Shared<std::string>;

/// What a buffer is doing, in a word; kBufferStateNames has the words, in this order.
enum class BufferState : std::uint8_t {
  starting,    ///< Not open yet, or not any more: another agent has taken it over.
  forwarding,  ///< Records are on their way, also those that failed and are sent again.
  idle,        ///< Nothing is left to send.
  kafka_away,  ///< Records wait for a destination that answers, or for their own brokers.
  topic_missing,  ///< The cluster says that it has no such topic.
  refused,     ///< The topic refuses so many that its settings must be at fault; see the log.
  paused,      ///< Offering has stopped: bytes cannot be freed, the storage fails, or the agent
               ///< waits for the clock to be set.
};
inline constexpr std::array<std::string_view, 7> kBufferStateNames = {
    "starting", "forwarding", "idle", "kafka_away", "topic_missing", "refused", "paused"};

/// The figures that one buffer shows to the outside.
///
/// The honesty check, in records and in bytes, at any moment after the agent's turn:
///   read = confirmed + unsettled + the sum of set_aside over its reasons
///          + the sum of lost over its reasons except overwritten.
/// Each record counts as read once per run of the agent, however often it is read or sent again.
struct BufferMetrics {
  BufferMetrics(std::string path_, std::string topic_)
      : path(std::move(path_)), topic(std::move(topic_)) {}

  const std::string path;  ///< Label `buffer`: the path as configured.
  const std::string topic;

  // Counters of this run.
  Figure records_read, bytes_read;            ///< Bytes as in the buffer, newline included.
  Figure records_confirmed, bytes_confirmed;  ///< Persisted by the sink.
  Figure bytes_freed;                         ///< Given back to the filesystem.
  Figure records_resent;                      ///< Offered again after they had not been persisted.
  Figure records_retimed;  ///< Persisted with the time of their sending instead of their own.
  Figure records_keyless;  ///< Sent without the key that the configuration wants.
  Figure storage_errors;   ///< Failed sync, punch or attribute.
  /// Indexed by SetAsideReason.
  std::array<Figure, kSetAsideReasons> records_set_aside, bytes_set_aside;
  /// Indexed by LossReason. Bytes that were lost unread count as read.
  std::array<Figure, kLossReasons> records_lost, bytes_lost;
  Figure records_dropped, bytes_dropped;  ///< Those of them given up by when_full = drop_oldest.
  Figure records_quarantined;             ///< Those set aside that were moved to the quarantine.
  CodeCounts kafka_errors;                ///< Records reported with an error, by code.

  // Gauges, written once a turn. A file that lost its name and the new one under that name count
  // together; positions are those of the new one.
  Figure records_unsettled, bytes_unsettled;  ///< Read, and neither confirmed, set aside nor
                                              ///< lost.
  Figure records_in_flight;                   ///< Those of them that are with the sink now.
  Figure waiting_bytes;                       ///< In the file and not done, read or not yet read.
  Figure logical_bytes;                       ///< Size of the file, holes included.
  Figure data_bytes;                          ///< Bytes in its data segments.
  Figure allocated_bytes;                     ///< Blocks that the filesystem has given it.
  Figure oldest_unconfirmed_ms;               ///< Age of the oldest record not done; 0: none.
  Figure quarantine_bytes;                    ///< Waiting in BUFFER.quarantine.
  Figure front, base;                         ///< Positions.
  Figure partitions;                          ///< Of the topic; 0: not known yet.
  Figure partitions_silent;                   ///< Those silent for 5 s with records in flight.
  Figure state;                               ///< A BufferState.

  SharedText trouble;  ///< Why it cannot be opened; "" while it can.

  void set_aside(SetAsideReason reason, std::uint64_t records, std::uint64_t bytes);
  void lost(LossReason reason, std::uint64_t records, std::uint64_t bytes);
  /// Lost for any reason except overwritten: those records were never read, or are read as others.
  std::uint64_t records_gone() const;
  std::uint64_t bytes_gone() const;
  void set_state(BufferState now) { state.set(static_cast<std::uint64_t>(now)); }
};

/// All data that the agent's thread passes to the pages of the HTTP server.
///
/// Buffers are added before the second thread starts. After that the agent's thread writes and any
/// thread reads.
struct Metrics {
  /// The reference stays valid.
  BufferMetrics& add_buffer(std::string path, std::string topic);

  std::deque<BufferMetrics> buffers;
  CodeCounts client_errors;        ///< Notices of the Kafka client itself, by code.
  Figure kafka_instances_renewed;  ///< Clients given up after a fatal error and made anew.

  Figure kafka_cluster_changes;
  Figure kafka_lost_offsets;     ///< Confirmed once, and gone now.
  SharedText kafka_cluster;      ///< Its id; "" while not known.
  SharedText kafka_trouble;       ///< As Sink::trouble() says.
  Figure kafka_trouble_since_ms;  ///< By the clock of the heartbeat.
  Figure kafka_away;              ///< 1 while nothing can go out.
  Shared<std::vector<BrokerState>> kafka_brokers;
  Shared<std::vector<TopicState>> kafka_topics;
  Figure kafka_reconnecting;  ///< 1: SIGHUP has asked for a connection that is not up yet.

  SharedText clock_trouble;  ///< Why the machine's clock is not believed; "" while it is.

  Figure log_lines_dropped;  ///< As Log::dropped() says.
  Figure idle_turns;         ///< Turns that did nothing and yet asked for the next one at once.

  /// Steady clock in ms, written before the pages are served and each time the loop turns.
  Figure heartbeat_ms;
  /// "" when producers may start, else why not. Does not depend on Kafka. Any thread.
  std::string why_not_ready() const;
  /// The present troubles, with the buffers' paths; "" for none. Any thread.
  std::string troubles() const;

  /// The start is over: every buffer is locked, checked and fenced, or has a `trouble`.
  std::atomic<bool> started{false};
  std::atomic<bool> ready_with_any{false};  ///< ReadyRequires::any.
  std::atomic<bool> stopping{false};
  std::atomic<bool> draining{false};  ///< Stopping, and what waits is still being sent.
};

enum class MetricType : std::uint8_t { counter, gauge };

/// A row of the table of metrics: everything that the exporter, the reference page, dashboards and
/// alert rules know about a metric. It has the label `buffer` unless `labels` says otherwise.
struct MetricInfo {
  std::string_view name;
  MetricType type;
  std::string_view labels;  ///< "buffer", "buffer,reason" ... as a comma-separated list.
  std::string_view unit;    ///< "records", "bytes", "seconds" ...
  std::string_view help;
};

/// A metric that is one Figure per buffer; `divisor` turns the figure into the unit.
struct BufferFigureInfo {
  MetricInfo info;
  Figure BufferMetrics::*figure;
  double divisor;
};

/// The table, in two parts: metrics that are one figure per buffer, and all others.
std::span<const BufferFigureInfo> buffer_figure_table();
enum class OtherMetric : std::uint8_t {
  records_set_aside,
  bytes_set_aside,
  records_lost,
  bytes_lost,
  kafka_errors,
  client_errors,
  instances_renewed,
  log_lines_dropped,
  idle_turns,
  cluster_changes,
  lost_offsets,
  kafka_up,
  kafka_broker_up,
  kafka_broker_throttle,
  reconnecting,
  buffer_state,
  buffer_open,
  clock_plausible,
  ready,
  build_info,
};
struct OtherMetricInfo {
  MetricInfo info;
  OtherMetric which;
};
std::span<const OtherMetricInfo> other_metric_table();

}  // namespace punchline
