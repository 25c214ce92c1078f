#include "agent/show/exporter.h"

#include <vector>

#include <prometheus/metric_family.h>
#include <prometheus/text_serializer.h>

#include "agent/core/version.h"
#include "sinks/kafka_outcome.h"

namespace punchline {
namespace {

using prometheus::ClientMetric;
using prometheus::MetricFamily;

class Family {
 public:
  explicit Family(const MetricInfo& info) : is_counter_(info.type == MetricType::counter) {
    family_.name = info.name;
    family_.help = info.help;
    family_.type = is_counter_ ? prometheus::MetricType::Counter : prometheus::MetricType::Gauge;
  }

  void add(double value, std::vector<ClientMetric::Label> labels) {
    ClientMetric metric;
    metric.label = std::move(labels);
    (is_counter_ ? metric.counter.value : metric.gauge.value) = value;
    family_.metric.push_back(std::move(metric));
  }

  MetricFamily take() { return std::move(family_); }

 private:
  bool is_counter_;
  MetricFamily family_;
};

ClientMetric::Label label(std::string name, std::string value) {
  ClientMetric::Label made;
  made.name = std::move(name);
  made.value = std::move(value);
  return made;
}

double number(std::uint64_t figure) {
  return static_cast<double>(figure);
}

constexpr auto kFirstSetAside = static_cast<SetAsideReason>(1);  // 0 is "none"

/// A series for each reason, from `first` on.
template <class Reason, std::size_t Count>
void add_by_reason(Family& family, const Metrics& metrics,
                   std::array<Figure, Count> BufferMetrics::*figures, Reason first) {
  for (const auto& buffer : metrics.buffers) {
    for (auto i = static_cast<std::size_t>(first); i < Count; ++i) {
      family.add(number((buffer.*figures)[i].get()),
                 {label("buffer", buffer.path), label("reason", name_of(static_cast<Reason>(i)))});
    }
  }
}

std::string code_label(std::int32_t code) {
  return code == CodeCounts::kOther ? "other" : kafka_code_name(code);
}

void add_kafka_errors(Family& family, const Metrics& metrics) {
  for (const auto& buffer : metrics.buffers) {
    for (const auto& [code, count] : buffer.kafka_errors.read()) {
      family.add(number(count), {label("buffer", buffer.path), label("code", code_label(code))});
    }
  }
}

void add_client_errors(Family& family, const Metrics& metrics) {
  for (const auto& [code, count] : metrics.client_errors.read()) {
    family.add(number(count), {label("code", code_label(code))});
  }
}

void add_states(Family& family, const Metrics& metrics) {
  for (const auto& buffer : metrics.buffers) {
    const auto now = buffer.state.get();
    for (std::size_t i = 0; i < kBufferStateNames.size(); ++i) {
      family.add(i == now ? 1 : 0, {label("buffer", buffer.path),
                                    label("state", std::string(kBufferStateNames[i]))});
    }
  }
}

MetricFamily family_of(const OtherMetricInfo& row, const Metrics& metrics) {
  Family family(row.info);
  switch (row.which) {
    case OtherMetric::records_set_aside:
      add_by_reason(family, metrics, &BufferMetrics::records_set_aside, kFirstSetAside);
      break;
    case OtherMetric::bytes_set_aside:
      add_by_reason(family, metrics, &BufferMetrics::bytes_set_aside, kFirstSetAside);
      break;
    case OtherMetric::records_lost:
      add_by_reason(family, metrics, &BufferMetrics::records_lost, LossReason{});
      break;
    case OtherMetric::bytes_lost:
      add_by_reason(family, metrics, &BufferMetrics::bytes_lost, LossReason{});
      break;
    case OtherMetric::kafka_errors:
      add_kafka_errors(family, metrics);
      break;
    case OtherMetric::client_errors:
      add_client_errors(family, metrics);
      break;
    case OtherMetric::instances_renewed:
      family.add(number(metrics.kafka_instances_renewed.get()), {});
      break;
    case OtherMetric::log_lines_dropped:
      family.add(number(metrics.log_lines_dropped.get()), {});
      break;
    case OtherMetric::idle_turns:
      family.add(number(metrics.idle_turns.get()), {});
      break;
    case OtherMetric::cluster_changes:
      family.add(number(metrics.kafka_cluster_changes.get()), {});
      break;
    case OtherMetric::lost_offsets:
      family.add(number(metrics.kafka_lost_offsets.get()), {});
      break;
    case OtherMetric::kafka_up:
      family.add(metrics.kafka_away.get() == 0 ? 1 : 0, {});
      break;
    case OtherMetric::kafka_broker_up:
      for (const auto& broker : metrics.kafka_brokers.get()) {
        family.add(broker.trouble.empty() ? 1 : 0, {label("broker", std::to_string(broker.id)),
                                                    label("address", broker.address)});
      }
      break;
    case OtherMetric::kafka_broker_throttle:
      for (const auto& broker : metrics.kafka_brokers.get()) {
        family.add(number(broker.throttle_ms) / 1000, {label("broker", std::to_string(broker.id)),
                                                       label("address", broker.address)});
      }
      break;
    case OtherMetric::reconnecting:
      family.add(number(metrics.kafka_reconnecting.get()), {});
      break;
    case OtherMetric::buffer_state:
      add_states(family, metrics);
      break;
    case OtherMetric::buffer_open:
      for (const auto& buffer : metrics.buffers)
        family.add(buffer.trouble.get().empty() ? 1 : 0, {label("buffer", buffer.path)});
      break;
    case OtherMetric::clock_plausible:
      family.add(metrics.clock_trouble.get().empty() ? 1 : 0, {});
      break;
    case OtherMetric::ready:
      family.add(metrics.why_not_ready().empty() ? 1 : 0, {});
      break;
    case OtherMetric::build_info:
      family.add(1, {label("version", kVersion)});
      break;
  }
  return family.take();
}

MetricFamily family_of(const BufferFigureInfo& row, const Metrics& metrics) {
  Family family(row.info);
  for (const auto& buffer : metrics.buffers) {
    family.add(number((buffer.*row.figure).get()) / row.divisor, {label("buffer", buffer.path)});
  }
  return family.take();
}

}  // namespace

std::string prometheus_text(const Metrics& metrics) {
  std::vector<MetricFamily> families;
  for (const auto& row : buffer_figure_table())
    families.push_back(family_of(row, metrics));
  for (const auto& row : other_metric_table())
    families.push_back(family_of(row, metrics));
  return prometheus::TextSerializer().Serialize(families);
}

}  // namespace punchline
