#include <algorithm>

#include <nlohmann/json.hpp>
#include <unistd.h>

#include "agent/core/version.h"
#include "agent/show/pages.h"
#include "sinks/kafka_outcome.h"

namespace punchline {
namespace {

using nlohmann::ordered_json;

// The metric's name without what every name begins with.
std::string short_name(std::string_view name) {
  constexpr std::string_view kPrefix = "punchline_";
  return std::string(name.substr(kPrefix.size()));
}

ordered_json set_aside(const BufferMetrics& buffer) {
  auto reasons = ordered_json::object();
  for (std::size_t i = 1; i < kSetAsideReasons; ++i) {
    reasons[name_of(static_cast<SetAsideReason>(i))] = {
        {"records", buffer.records_set_aside[i].get()}, {"bytes", buffer.bytes_set_aside[i].get()}};
  }
  return reasons;
}

ordered_json lost(const BufferMetrics& buffer) {
  auto reasons = ordered_json::object();
  for (std::size_t i = 0; i < kLossReasons; ++i) {
    reasons[name_of(static_cast<LossReason>(i))] = {{"records", buffer.records_lost[i].get()},
                                                    {"bytes", buffer.bytes_lost[i].get()}};
  }
  return reasons;
}

ordered_json errors(const CodeCounts& counts) {
  auto codes = ordered_json::object();
  for (const auto& [code, count] : counts.read()) {
    codes[code == CodeCounts::kOther ? "other" : kafka_code_name(code)] = count;
  }
  return codes;
}

ordered_json figure(const BufferFigureInfo& row, const BufferMetrics& buffer) {
  const auto value = (buffer.*row.figure).get();
  if (row.divisor == 1) return value;
  return static_cast<double>(value) / row.divisor;
}

ordered_json kafka_trouble(const Metrics& metrics) {
  const auto text = metrics.kafka_trouble.get();
  if (text.empty()) return nullptr;
  const auto since = metrics.kafka_trouble_since_ms.get();
  const auto now = std::max(since, metrics.heartbeat_ms.get());
  return {{"text", text}, {"for_seconds", (now - since) / 1000}};
}

ordered_json text_or_null(std::string text) {
  return text.empty() ? ordered_json(nullptr) : ordered_json(std::move(text));
}

ordered_json text_or_null(const SharedText& shared) {
  return text_or_null(shared.get());
}

ordered_json kafka_cluster(const Metrics& metrics) {
  return {{"id", text_or_null(metrics.kafka_cluster)},
          {"changes", metrics.kafka_cluster_changes.get()},
          {"lost_offsets", metrics.kafka_lost_offsets.get()}};
}

ordered_json kafka_brokers(const Metrics& metrics) {
  auto brokers = ordered_json::array();
  for (const auto& [id, address, trouble, throttle_ms] : metrics.kafka_brokers.get()) {
    brokers.push_back({{"id", id},
                       {"address", address},
                       {"trouble", text_or_null(trouble)},
                       {"throttle_ms", throttle_ms}});
  }
  return brokers;
}

ordered_json kafka_topics(const Metrics& metrics) {
  auto topics = ordered_json::array();
  for (const auto& topic : metrics.kafka_topics.get()) {
    topics.push_back({{"topic", topic.name},
                      {"missing", topic.missing},
                      {"partitions", topic.partitions},
                      {"without_leader", topic.without_leader},
                      {"without_progress", topic.without_progress}});
  }
  return topics;
}

ordered_json buffer_status(const BufferMetrics& buffer) {
  ordered_json status = {{"path", buffer.path},
                         {"topic", buffer.topic},
                         {"state", kBufferStateNames[buffer.state.get()]},
                         {"trouble", text_or_null(buffer.trouble)}};
  for (const auto& row : buffer_figure_table()) {
    status[short_name(row.info.name)] = figure(row, buffer);
  }
  status["set_aside"] = set_aside(buffer);
  status["lost"] = lost(buffer);
  status["kafka_errors"] = errors(buffer.kafka_errors);
  return status;
}

}  // namespace

std::string status_json(const Metrics& metrics) {
  ordered_json status = {{"version", kVersion},
                         {"pid", getpid()},
                         {"ready", metrics.why_not_ready().empty()},
                         {"stopping", metrics.stopping.load()},
                         {"draining", metrics.draining.load()},
                         {"clock_trouble", text_or_null(metrics.clock_trouble)},
                         {"kafka_up", metrics.kafka_away.get() == 0},
                         {"kafka_trouble", kafka_trouble(metrics)},
                         {"kafka_brokers", kafka_brokers(metrics)},
                         {"kafka_topics", kafka_topics(metrics)},
                         {"kafka_reconnecting", metrics.kafka_reconnecting.get() != 0},
                         {"kafka_cluster", kafka_cluster(metrics)},
                         {"kafka_instances_renewed", metrics.kafka_instances_renewed.get()},
                         {"kafka_client_errors", errors(metrics.client_errors)},
                         {"log_lines_dropped", metrics.log_lines_dropped.get()},
                         {"buffers", ordered_json::array()}};
  for (const auto& buffer : metrics.buffers)
    status["buffers"].push_back(buffer_status(buffer));
  // A path need not be UTF-8; such bytes are replaced rather than refused.
  return status.dump(2, ' ', false, ordered_json::error_handler_t::replace) + "\n";
}

}  // namespace punchline
