#include "agent/show/pages.h"

#include <set>

#include <nlohmann/json.hpp>

#include "agent/core/version.h"
#include "agent/show/exporter.h"
#include "tests/support/catch.h"

using namespace punchline;
using namespace Catch::Matchers;

namespace {

constexpr std::uint64_t kNow = 1'000'000;

Page page(std::string_view path, const Metrics& metrics) {
  const auto found = page_at(path, metrics, kNow);
  REQUIRE(found);
  return *found;
}

/// Names of the families in a text of Prometheus' format, with their types.
std::set<std::string> families(const std::string& text) {
  std::set<std::string> names;
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) {
    if (line.starts_with("# TYPE ")) names.insert(line.substr(7));
  }
  return names;
}

std::string described(const MetricInfo& info) {
  return std::string(info.name) + (info.type == MetricType::counter ? " counter" : " gauge");
}

/// Each figure of the table gets its place in the table as value.
void number_figures(BufferMetrics& buffer) {
  std::uint64_t n = 1;
  for (const auto& row : buffer_figure_table())
    (buffer.*row.figure).set(n++ * 1000);
}

}  // namespace

TEST_CASE("what is exported is the table, no more and no less") {
  Metrics metrics;
  metrics.add_buffer("/x/a", "t").kafka_errors.add(10, 1);
  metrics.client_errors.add(-195, 1);
  std::set<std::string> table;
  for (const auto& row : buffer_figure_table())
    table.insert(described(row.info));
  for (const auto& row : other_metric_table())
    table.insert(described(row.info));
  CHECK(families(prometheus_text(metrics)) == table);
  CHECK(table.size() == buffer_figure_table().size() + other_metric_table().size());
}

TEST_CASE("names of counters end in _total, other names do not") {
  const auto check = [](const MetricInfo& info) {
    INFO(info.name);
    CHECK(info.name.starts_with("punchline_"));
    CHECK(info.name.ends_with("_total") == (info.type == MetricType::counter));
    CHECK_FALSE(info.help.empty());
  };
  for (const auto& row : buffer_figure_table())
    check(row.info);
  for (const auto& row : other_metric_table())
    check(row.info);
}

TEST_CASE("every figure is exported under its own name, in its unit") {
  Metrics metrics;
  number_figures(metrics.add_buffer("/x/a", "t"));
  const auto text = prometheus_text(metrics);
  double n = 1;
  for (const auto& row : buffer_figure_table()) {
    std::ostringstream line;
    line << '\n' << row.info.name << "{buffer=\"/x/a\"} " << n++ * 1000 / row.divisor << '\n';
    CHECK_THAT(text, Contains(line.str()));
  }
  CHECK_THAT(text, Contains(std::string("punchline_build_info{version=\"") + kVersion + "\"} 1\n"));
}

TEST_CASE("reasons and codes are labels with their names") {
  Metrics metrics;
  auto& buffer = metrics.add_buffer("/x/a", "t");
  buffer.set_aside(SetAsideReason::torn, 2, 300);
  buffer.kafka_errors.add(10, 3);  // MSG_SIZE_TOO_LARGE
  buffer.kafka_errors.add(10, 4);
  const auto text = prometheus_text(metrics);
  CHECK_THAT(text, Contains("punchline_set_aside_records{buffer=\"/x/a\",reason=\"torn\"} 2\n"));
  CHECK_THAT(text, Contains("punchline_set_aside_bytes{buffer=\"/x/a\",reason=\"torn\"} 300\n"));
  CHECK_THAT(text, Contains("punchline_set_aside_records{buffer=\"/x/a\",reason=\"gap\"} 0\n"));
  CHECK_THAT(text, !Contains("reason=\"none\""));
  CHECK_THAT(
      text,
      Contains("punchline_kafka_errors_total{buffer=\"/x/a\",code=\"MSG_SIZE_TOO_LARGE\"} 7\n"));
}

TEST_CASE("of the states of a buffer one is 1") {
  Metrics metrics;
  metrics.add_buffer("/x/a", "t").set_state(BufferState::topic_missing);
  const auto text = prometheus_text(metrics);
  const std::string name = "punchline_buffer_state{buffer=\"/x/a\",state=\"";
  CHECK_THAT(text, Contains(name + "topic_missing\"} 1\n"));
  CHECK_THAT(text, Contains(name + "refused\"} 0\n"));
  CHECK_THAT(text, Contains(name + "forwarding\"} 0\n"));
}

TEST_CASE("a path with quotes stays one label") {
  Metrics metrics;
  metrics.add_buffer("/x/\"a\\\n", "t");
  CHECK_THAT(prometheus_text(metrics), Contains("{buffer=\"/x/\\\"a\\\\\\n\"}"));
}

TEST_CASE("codes beyond the room for them are counted together") {
  CodeCounts counts;
  for (int code = 0; code < 100; ++code)
    counts.add(code, 2);
  counts.add(0, 1);
  const auto read = counts.read();
  REQUIRE(read.size() == CodeCounts::kCodesMax + 1);
  CHECK(read.front() == std::pair<std::int32_t, std::uint64_t>{0, 3});
  CHECK(read.back() == std::pair<std::int32_t, std::uint64_t>{CodeCounts::kOther,
                                                              2 * (100 - CodeCounts::kCodesMax)});
}

TEST_CASE("/healthz follows the heartbeat") {
  Metrics metrics;
  CHECK(page("/healthz", metrics).status == 503);
  metrics.heartbeat_ms.set(kNow - 1000);
  CHECK(page("/healthz", metrics).status == 200);
  metrics.heartbeat_ms.set(kNow + 5);  // written after we took the time
  CHECK(page("/healthz", metrics).status == 200);
  metrics.heartbeat_ms.set(kNow - 15'000);
  CHECK(page("/healthz", metrics).status == 200);
  metrics.heartbeat_ms.set(kNow - 17'000);
  CHECK(page("/healthz", metrics).status == 503);
  CHECK(page("/healthz", metrics).body == "the loop has not turned for 17 s\n");
}

TEST_CASE("/readyz asks for the buffers, not for Kafka") {
  Metrics metrics;
  CHECK(page("/readyz", metrics).status == 503);
  metrics.started = true;
  CHECK(page("/readyz", metrics).status == 200);
  metrics.stopping = metrics.draining = true;
  CHECK(page("/readyz", metrics).body == "stopping: draining\n");
  metrics.draining = false;
  CHECK(page("/readyz", metrics).body == "stopping\n");
  CHECK(page("/readyz", metrics).status == 503);
}

TEST_CASE("a buffer that cannot be opened is shown everywhere") {
  Metrics metrics;
  metrics.started = true;
  metrics.add_buffer("/x/good", "t");
  auto& bad = metrics.add_buffer("/x/bad", "t");
  CHECK(page("/readyz", metrics).body == "ok\n");
  bad.trouble.set("/x/bad: Permission denied");
  CHECK(page("/readyz", metrics).status == 503);
  CHECK(page("/readyz", metrics).body == "not open: /x/bad: Permission denied\n");
  CHECK_THAT(page("/metrics", metrics).body,
             Contains("\npunchline_ready 0\n") &&
                 Contains("\npunchline_buffer_open{buffer=\"/x/bad\"} 0\n") &&
                 Contains("\npunchline_buffer_open{buffer=\"/x/good\"} 1\n"));
  const auto status = nlohmann::json::parse(page("/status", metrics).body);
  CHECK(status["ready"] == false);
  CHECK(status["buffers"][0]["trouble"].is_null());
  CHECK(status["buffers"][1]["trouble"] == "/x/bad: Permission denied");
  metrics.ready_with_any = true;
  CHECK(page("/readyz", metrics).body == "ok, but not open: /x/bad: Permission denied\n");
  metrics.buffers[0].trouble.set("/x/good: Permission denied");
  CHECK(page("/readyz", metrics).status == 503);
}

TEST_CASE("/status has every figure") {
  Metrics metrics;
  auto& buffer = metrics.add_buffer("/x/a\xff", "t");
  number_figures(buffer);
  buffer.set_state(BufferState::paused);
  buffer.set_aside(SetAsideReason::gap, 1, 9);
  const auto status = nlohmann::json::parse(page("/status", metrics).body);
  CHECK(status["version"] == kVersion);
  CHECK(status["ready"] == false);
  const auto& shown = status["buffers"][0];
  CHECK(shown["topic"] == "t");
  CHECK(shown["state"] == "paused");
  CHECK(shown["set_aside"]["gap"]["bytes"] == 9);
  std::uint64_t n = 1;
  for (const auto& row : buffer_figure_table()) {
    const auto name = std::string(row.info.name.substr(10));
    INFO(name);
    CHECK(shown[name] == static_cast<double>(n++ * 1000) / row.divisor);
  }
}

TEST_CASE("/status says why no broker answers, and for how long") {
  Metrics metrics;
  CHECK(nlohmann::json::parse(page("/status", metrics).body)["kafka_trouble"].is_null());
  metrics.kafka_trouble.set("k1:9092: Connection refused");
  metrics.kafka_trouble_since_ms.set(5'000);
  metrics.heartbeat_ms.set(67'900);
  const auto trouble = nlohmann::json::parse(page("/status", metrics).body)["kafka_trouble"];
  CHECK(trouble["text"] == "k1:9092: Connection refused");
  CHECK(trouble["for_seconds"] == 62);
}

TEST_CASE("a clock that cannot be right is shown everywhere, and producers may start") {
  Metrics metrics;
  metrics.started = true;
  CHECK_THAT(page("/metrics", metrics).body, Contains("\npunchline_clock_plausible 1\n"));
  CHECK(nlohmann::json::parse(page("/status", metrics).body)["clock_trouble"].is_null());
  metrics.clock_trouble.set("the clock says 1970");
  CHECK_THAT(page("/metrics", metrics).body, Contains("\npunchline_clock_plausible 0\n"));
  CHECK(nlohmann::json::parse(page("/status", metrics).body)["clock_trouble"] ==
        "the clock says 1970");
  CHECK(page("/readyz", metrics).body == "ok, but the clock says 1970\n");
  CHECK(page("/readyz", metrics).status == 200);
}

TEST_CASE("/status names the cluster that answers") {
  Metrics metrics;
  CHECK(nlohmann::json::parse(page("/status", metrics).body)["kafka_cluster"]["id"].is_null());
  metrics.kafka_cluster.set("MkU3OEVBNTcwNTJENDM2QA");
  metrics.kafka_cluster_changes.add(1);
  metrics.kafka_lost_offsets.set(7);
  const auto cluster = nlohmann::json::parse(page("/status", metrics).body)["kafka_cluster"];
  CHECK(cluster["id"] == "MkU3OEVBNTcwNTJENDM2QA");
  CHECK(cluster["changes"] == 1);
  CHECK(cluster["lost_offsets"] == 7);
}

TEST_CASE("the home page is plain HTML that a path cannot break") {
  Metrics metrics;
  metrics.add_buffer("/x/<b>&\"", "t");
  const auto home = page("/", metrics);
  CHECK(home.content_type == "text/html; charset=utf-8");
  CHECK_THAT(home.body, Contains("/x/&lt;b>&amp;&quot;"));
  CHECK_THAT(home.body, !Contains("://"));
}

TEST_CASE("there is nothing elsewhere") {
  CHECK_FALSE(page_at("/metrics/", Metrics(), kNow));
  CHECK_FALSE(page_at("", Metrics(), kNow));
}

TEST_CASE("brokers and topics stand in /status, and what can be alarmed at among the metrics") {
  Metrics metrics;
  metrics.kafka_brokers.set({{1, "k1:9092", "", 0}, {2, "k2:9092", "it is away", 1500}});
  metrics.kafka_topics.set({{"t", false, 12, 1, 2}, {"u", true, 0, 0, 0}});
  const auto status = nlohmann::json::parse(page("/status", metrics).body);
  CHECK(status["kafka_brokers"][0]["trouble"] == nullptr);
  CHECK(status["kafka_brokers"][1]["throttle_ms"] == 1500);
  CHECK(status["kafka_topics"].dump() ==
        R"([{"missing":false,"partitions":12,"topic":"t","without_leader":1,"without_progress":2},)"
        R"({"missing":true,"partitions":0,"topic":"u","without_leader":0,"without_progress":0}])");
  const auto text = prometheus_text(metrics);
  CHECK_THAT(text, Contains(R"(punchline_kafka_broker_up{broker="2",address="k2:9092"} 0)"));
  CHECK_THAT(text, Contains(R"(punchline_kafka_broker_throttle_seconds{broker="2",)"
                            R"(address="k2:9092"} 1.5)"));
}
