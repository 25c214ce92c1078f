#include "agent/core/metrics.h"

#include <algorithm>

namespace punchline {
namespace {

constexpr auto kCounter = MetricType::counter;
constexpr auto kGauge = MetricType::gauge;
using M = BufferMetrics;

constexpr BufferFigureInfo kBufferFigures[] = {
    {{"punchline_records_read_total", kCounter, "buffer", "records",
      "Records read from the buffer in this run, each once"},
     &M::records_read,
     1},
    {{"punchline_bytes_read_total", kCounter, "buffer", "bytes",
      "Bytes of these records as they stand in the buffer"},
     &M::bytes_read,
     1},
    {{"punchline_records_confirmed_total", kCounter, "buffer", "records",
      "Records that Kafka has confirmed with an offset"},
     &M::records_confirmed,
     1},
    {{"punchline_bytes_confirmed_total", kCounter, "buffer", "bytes",
      "Bytes of these records as they stand in the buffer"},
     &M::bytes_confirmed,
     1},
    {{"punchline_bytes_freed_total", kCounter, "buffer", "bytes",
      "Bytes given back to the filesystem"},
     &M::bytes_freed,
     1},
    {{"punchline_records_resent_total", kCounter, "buffer", "records",
      "Records offered again because they had not been persisted"},
     &M::records_resent,
     1},
    {{"punchline_quarantined_records_total", kCounter, "buffer", "records",
      "Of the records set aside, those moved to BUFFER.quarantine"},
     &M::records_quarantined,
     1},
    {{"punchline_dropped_records_total", kCounter, "buffer", "records",
      "Records given up because the buffer was full and when_full is drop_oldest"},
     &M::records_dropped,
     1},
    {{"punchline_dropped_bytes_total", kCounter, "buffer", "bytes",
      "Bytes of these records as they stood in the buffer"},
     &M::bytes_dropped,
     1},
    {{"punchline_keyless_records_total", kCounter, "buffer", "records",
      "Records sent without key because key_json or key_column found none in them"},
     &M::records_keyless,
     1},
    {{"punchline_retimed_records_total", kCounter, "buffer", "records",
      "Records confirmed with the time of their sending, since the topic refuses their own and "
      "timestamps is now_if_refused"},
     &M::records_retimed,
     1},
    {{"punchline_storage_errors_total", kCounter, "buffer", "errors",
      "Failed syncs, punches and attribute writes"},
     &M::storage_errors,
     1},
    {{"punchline_unsettled_records", kGauge, "buffer", "records",
      "Records read and neither confirmed nor set aside yet"},
     &M::records_unsettled,
     1},
    {{"punchline_unsettled_bytes", kGauge, "buffer", "bytes",
      "Bytes of these records as they stand in the buffer"},
     &M::bytes_unsettled,
     1},
    {{"punchline_in_flight_records", kGauge, "buffer", "records",
      "Unsettled records that the Kafka client has now"},
     &M::records_in_flight,
     1},
    {{"punchline_waiting_bytes", kGauge, "buffer", "bytes",
      "Bytes in the buffer that are not done, read or not yet read"},
     &M::waiting_bytes,
     1},
    {{"punchline_logical_bytes", kGauge, "buffer", "bytes",
      "Size of the buffer file, holes included"},
     &M::logical_bytes,
     1},
    {{"punchline_data_bytes", kGauge, "buffer", "bytes", "Bytes in the file's data segments"},
     &M::data_bytes,
     1},
    {{"punchline_allocated_bytes", kGauge, "buffer", "bytes",
      "Bytes the filesystem has allocated to the file; XFS and btrfs count more than is there"},
     &M::allocated_bytes,
     1},
    {{"punchline_oldest_unconfirmed_seconds", kGauge, "buffer", "seconds",
      "Age of the oldest record that is not done, 0 when there is none"},
     &M::oldest_unconfirmed_ms,
     1000},
    {{"punchline_quarantine_bytes", kGauge, "buffer", "bytes",
      "Bytes that wait in BUFFER.quarantine, of this run and of earlier ones; 0 once all of it was "
      "requeued or has gone to the dead-letter topic"},
     &M::quarantine_bytes,
     1},
    {{"punchline_front_position", kGauge, "buffer", "position",
      "Everything below this position is done"},
     &M::front,
     1},
    {{"punchline_base_position", kGauge, "buffer", "position",
      "Position of the first byte of the file"},
     &M::base,
     1},
    {{"punchline_partitions", kGauge, "buffer", "partitions",
      "Partitions of the buffer's topic, 0 while not known"},
     &M::partitions,
     1},
    {{"punchline_partitions_without_progress", kGauge, "buffer", "partitions",
      "Partitions with records in flight of which Kafka has confirmed none for 5 s"},
     &M::partitions_silent,
     1},
};

constexpr OtherMetricInfo kOthers[] = {
    {{"punchline_set_aside_records", kGauge, "buffer,reason", "records",
      "Records set aside in this run; they are in BUFFER.quarantine, or still in the buffer"},
     OtherMetric::records_set_aside},
    {{"punchline_set_aside_bytes", kGauge, "buffer,reason", "bytes",
      "Bytes of these records as they stand in the buffer"},
     OtherMetric::bytes_set_aside},
    {{"punchline_lost_records_total", kCounter, "buffer,reason", "records",
      "Records that are gone and were not delivered, as far as they had been read: truncated, "
      "deleted, dropped by drop_oldest; of those overwritten the number is not known"},
     OtherMetric::records_lost},
    {{"punchline_lost_bytes_total", kCounter, "buffer,reason", "bytes",
      "Bytes that are gone and were not delivered, at most; their number alone tells of what was "
      "lost unread"},
     OtherMetric::bytes_lost},
    {{"punchline_kafka_errors_total", kCounter, "buffer,code", "records",
      "Records reported with an error, by error code; they are sent again"},
     OtherMetric::kafka_errors},
    {{"punchline_kafka_client_errors_total", kCounter, "code", "errors",
      "Errors of the Kafka client itself, such as a broker that went away"},
     OtherMetric::client_errors},
    {{"punchline_kafka_instances_renewed_total", kCounter, "", "instances",
      "Kafka clients made anew: after a fatal error, or since no connection was left"},
     OtherMetric::instances_renewed},
    {{"punchline_log_lines_dropped_total", kCounter, "", "lines",
      "Lines of the log that nobody read in time, and that are gone"},
     OtherMetric::log_lines_dropped},
    {{"punchline_idle_turns_total", kCounter, "", "turns",
      "Turns of the agent's loop that had nothing to do and set no time for the next one: each is "
      "a fault of the agent, which spends CPU for nothing"},
     OtherMetric::idle_turns},
    {{"punchline_kafka_cluster_changes_total", kCounter, "", "changes",
      "Another cluster answered than before, by its cluster id; also after a restart"},
     OtherMetric::cluster_changes},
    {{"punchline_kafka_lost_offsets_total", kCounter, "", "offsets",
      "Offsets that were confirmed and that their partition's log lacks since it was set back, as "
      "far as was seen"},
     OtherMetric::lost_offsets},
    {{"punchline_kafka_up", kGauge, "", "boolean",
      "0 while no Kafka broker answers, or none is of use; `kafka_trouble` of /status says why"},
     OtherMetric::kafka_up},
    {{"punchline_kafka_broker_up", kGauge, "broker,address", "boolean",
      "0 while records wait for this broker of the cluster and it cannot be reached, or does not "
      "answer; the address is the one it advertises"},
     OtherMetric::kafka_broker_up},
    {{"punchline_kafka_broker_throttle_seconds", kGauge, "broker,address", "seconds",
      "How long this broker has let us wait before it read on, at most, by a quota that is used "
      "up; 0 once it has not for 10 s"},
     OtherMetric::kafka_broker_throttle},
    {{"punchline_kafka_reconnecting", kGauge, "", "boolean",
      "1 while the connection that SIGHUP asked for does not stand, and the one before goes on; "
      "the log says why"},
     OtherMetric::reconnecting},
    {{"punchline_buffer_state", kGauge, "buffer,state", "boolean",
      "1 for the state that the buffer is in, as /status has it, 0 for the others: topic_missing "
      "and refused want an operator"},
     OtherMetric::buffer_state},
    {{"punchline_buffer_open", kGauge, "buffer", "boolean",
      "0 while the buffer cannot be opened, and so is not forwarded; it is tried again each "
      "second"},
     OtherMetric::buffer_open},
    {{"punchline_clock_plausible", kGauge, "", "boolean",
      "0 while the machine's clock says a time that cannot be, such as 1970; see the option clock"},
     OtherMetric::clock_plausible},
    {{"punchline_ready", kGauge, "", "boolean",
      "1 when producers may start, as /readyz says: the buffers are open and fenced"},
     OtherMetric::ready},
    {{"punchline_build_info", kGauge, "version", "constant", "Always 1; the version is the label"},
     OtherMetric::build_info},
};

std::uint64_t all_but_overwritten(const std::array<Figure, kLossReasons>& figures) {
  std::uint64_t sum = 0;
  for (std::size_t i = 0; i < kLossReasons; ++i)
    if (static_cast<LossReason>(i) != LossReason::overwritten) sum += figures[i].get();
  return sum;
}

}  // namespace

void CodeCounts::add(std::int32_t code, std::uint64_t n) {
  const auto used = used_.load(std::memory_order_relaxed);
  for (std::size_t i = 0; i < used; ++i) {
    if (slots_[i].code == code) return slots_[i].count.add(n);
  }
  if (used >= kCodesMax) return slots_[kCodesMax].count.add(n);
  slots_[used].code = code;
  slots_[used].count.set(n);
  used_.store(used + 1, std::memory_order_release);
}

std::vector<std::pair<std::int32_t, std::uint64_t>> CodeCounts::read() const {
  std::vector<std::pair<std::int32_t, std::uint64_t>> counts;
  const auto used = used_.load(std::memory_order_acquire);
  for (std::size_t i = 0; i < used; ++i)
    counts.emplace_back(slots_[i].code, slots_[i].count.get());
  const auto other = slots_[kCodesMax].count.get();
  if (other != 0) counts.emplace_back(kOther, other);
  return counts;
}

void BufferMetrics::set_aside(SetAsideReason reason, std::uint64_t records, std::uint64_t bytes) {
  records_set_aside[static_cast<std::size_t>(reason)].add(records);
  bytes_set_aside[static_cast<std::size_t>(reason)].add(bytes);
}

void BufferMetrics::lost(LossReason reason, std::uint64_t records, std::uint64_t bytes) {
  records_lost[static_cast<std::size_t>(reason)].add(records);
  bytes_lost[static_cast<std::size_t>(reason)].add(bytes);
  if (reason != LossReason::dropped) return;
  records_dropped.add(records);
  bytes_dropped.add(bytes);
}

std::uint64_t BufferMetrics::records_gone() const {
  return all_but_overwritten(records_lost);
}

std::uint64_t BufferMetrics::bytes_gone() const {
  return all_but_overwritten(bytes_lost);
}

BufferMetrics& Metrics::add_buffer(std::string path, std::string topic) {
  return buffers.emplace_back(std::move(path), std::move(topic));
}

std::string Metrics::troubles() const {
  std::string all;
  for (const auto& buffer : buffers) {
    const auto text = buffer.trouble.get();
    if (!text.empty()) all += (all.empty() ? "" : "; ") + text;
  }
  return all;
}

std::string Metrics::why_not_ready() const {
  if (draining) return "stopping: draining";
  if (stopping) return "stopping";
  if (!started) return "starting: not every buffer is open yet";
  const bool any_open = std::any_of(buffers.begin(), buffers.end(), [](const auto& buffer) {
    return buffer.trouble.get().empty();
  });
  if (ready_with_any && any_open) return "";
  const auto all = troubles();
  return all.empty() ? "" : "not open: " + all;
}

std::span<const BufferFigureInfo> buffer_figure_table() {
  return kBufferFigures;
}
std::span<const OtherMetricInfo> other_metric_table() {
  return kOthers;
}

}  // namespace punchline
