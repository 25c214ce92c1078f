#include "agent/show/pages.h"

#include <fmt/format.h>

#include "agent/core/version.h"
#include "agent/show/exporter.h"

namespace punchline {
namespace {

constexpr const char* kPrometheusType = "text/plain; version=0.0.4; charset=utf-8";

Page unavailable(std::string reason) {
  return {.status = 503, .body = std::move(reason) + "\n"};
}

Page healthz(const Metrics& metrics, std::uint64_t now_ms) {
  const auto beat = metrics.heartbeat_ms.get();
  if (beat == 0) return unavailable("starting: the loop has not turned yet");
  const auto age_ms = now_ms > beat ? now_ms - beat : 0;
  if (age_ms > static_cast<std::uint64_t>(kHeartbeatAgeMax.count())) {
    return unavailable(fmt::format("the loop has not turned for {} s", age_ms / 1000));
  }
  return {.body = "ok\n"};
}

Page readyz(const Metrics& metrics) {
  if (auto why_not = metrics.why_not_ready(); !why_not.empty()) {
    return unavailable(std::move(why_not));
  }
  std::string body = "ok";
  if (const auto all = metrics.troubles(); !all.empty()) body += ", but not open: " + all;
  if (const auto clock = metrics.clock_trouble.get(); !clock.empty()) body += ", but " + clock;
  return {.body = body + "\n"};
}

std::string escaped(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (c == '<') {
      out += "&lt;";
    } else if (c == '&') {
      out += "&amp;";
    } else if (c == '"') {
      out += "&quot;";
    } else {
      out += c;
    }
  }
  return out;
}

std::uint64_t sum(const std::array<Figure, kSetAsideReasons>& figures) {
  std::uint64_t total = 0;
  for (const auto& figure : figures)
    total += figure.get();
  return total;
}

constexpr std::string_view kHtmlHead = R"(<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta http-equiv="refresh" content="5">
<title>Punchline</title><style>
body{font:15px/1.5 system-ui,sans-serif;margin:2em;color:#222;background:#fff}
table{border-collapse:collapse}td,th{padding:.3em .9em;border-bottom:1px solid #ddd}
td{text-align:right;font-variant-numeric:tabular-nums}td.t,th.t{text-align:left}
</style></head><body><h1>Punchline</h1>
<table><tr><th class="t">buffer</th><th class="t">topic</th><th class="t">state</th>
<th>read</th><th>confirmed</th><th>on their way</th><th>set aside</th><th>bytes waiting</th>
<th>bytes on disk</th></tr>
)";

std::string html_row(const BufferMetrics& buffer) {
  return fmt::format(
      "<tr><td class=\"t\">{}</td><td class=\"t\">{}</td><td class=\"t\">{}</td><td>{}</td>"
      "<td>{}</td><td>{}</td><td>{}</td><td>{}</td><td>{}</td></tr>\n",
      escaped(buffer.path), escaped(buffer.topic), kBufferStateNames[buffer.state.get()],
      buffer.records_read.get(), buffer.records_confirmed.get(), buffer.records_unsettled.get(),
      sum(buffer.records_set_aside), buffer.waiting_bytes.get(), buffer.allocated_bytes.get());
}

Page home(const Metrics& metrics) {
  std::string body(kHtmlHead);
  for (const auto& buffer : metrics.buffers)
    body += html_row(buffer);
  body += fmt::format(
      "</table><p>Version {}. <a href=\"/metrics\">metrics</a> <a href=\"/status\">status</a> "
      "<a href=\"/healthz\">healthz</a> <a href=\"/readyz\">readyz</a></p></body></html>\n",
      kVersion);
  return {.content_type = "text/html; charset=utf-8", .body = std::move(body)};
}

}  // namespace

std::optional<Page> page_at(std::string_view path, const Metrics& metrics, std::uint64_t now_ms) {
  if (path == "/") return home(metrics);
  if (path == "/metrics") {
    return Page{.content_type = kPrometheusType, .body = prometheus_text(metrics)};
  }
  if (path == "/healthz") return healthz(metrics, now_ms);
  if (path == "/readyz") return readyz(metrics);
  if (path == "/status") {
    return Page{.content_type = "application/json", .body = status_json(metrics)};
  }
  return std::nullopt;
}

}  // namespace punchline
