#include "agent/config/reference.h"

#include <algorithm>
#include <iterator>

#include <fmt/format.h>

#include "agent/config/options.h"
#include "agent/core/exit_code.h"
#include "agent/core/metrics.h"

namespace punchline {
namespace {

struct ExitCodeInfo {
  ExitCode code;
  std::string_view meaning;
};
constexpr ExitCodeInfo kExitCodes[] = {
    {ExitCode::ok, "done; for run: everything there was is delivered, or it was told to stop"},
    {ExitCode::damaged,
     "verify: the buffer is not sound, or has lost something (not: dropped by drop_oldest)"},
    {ExitCode::usage, "wrong flag or missing argument"},
    {ExitCode::data, "something was set aside, dropped or refused, everything else went through"},
    {ExitCode::unavailable,
     "Kafka could not be used in time, or a topic refuses each record (--once)"},
    {ExitCode::cannot_open, "a file cannot be created or opened for writing"},
    {ExitCode::io, "I/O error, full disk, HTTP port taken"},
    {ExitCode::temporary,
     "locked by another, or data is left: --once was interrupted or could not have a rotated file, "
     "or on_stop is drain and something complete waits still (not: what is set aside, an unfinished "
     "last line)"},
    {ExitCode::config, "config file, option or buffer file not fit for use"},
};

constexpr OptionScope kScopes[] = {OptionScope::command, OptionScope::buffer, OptionScope::kafka,
                                   OptionScope::http, OptionScope::top};

std::string or_dash(const std::string& text) {
  return text.empty() ? "-" : "`" + text + "`";
}

// In a table cell '|' would begin the next one.
std::string cell(std::string text) {
  for (std::size_t at = 0; (at = text.find('|', at)) != text.npos; at += 2)
    text.insert(at, "\\");
  return text;
}

std::string heading_of(OptionScope scope) {
  if (scope == OptionScope::command) return "On the command line only";
  if (scope == OptionScope::top) return "At the top level";
  return "In " + std::string(name_of(scope));
}

void append_options(std::string& page, OptionScope scope) {
  const bool in_file = scope != OptionScope::command;
  page += "\n### " + heading_of(scope) + "\n\n";
  page += "| key | default | range | flag | environment | meaning |\n|---|---|---|---|---|---|\n";
  for (const auto& option : option_table()) {
    if (option.scope != scope) continue;
    page += fmt::format("| {} | {} | {} | {} | `{}` | {} |\n",
                        in_file ? "`" + std::string(option.key) + "`" : "-",
                        or_dash(default_of(option)), cell(or_dash(range_of(option))),
                        or_dash(std::string(option.flag)), option.environment, option.help);
  }
}

std::string labels_of(const MetricInfo& info) {
  return info.labels.empty() ? "-" : "`" + std::string(info.labels) + "`";
}

void append_metric(std::string& page, const MetricInfo& info) {
  page += fmt::format("| `{}` | {} | {} | {} | {} |\n", info.name,
                      info.type == MetricType::counter ? "counter" : "gauge", labels_of(info),
                      info.unit, info.help);
}

constexpr std::string_view kOptionsIntro = R"(## Options of `run` and `check`

Flags win over the environment, the environment wins over the config file. The file is JSON in
which comments are allowed; the smallest one is

```json
{"buffers": [{"path": "/var/spool/app.buf", "topic": "logs"}],
 "kafka": {"bootstrap.servers": "k1:9092"},
 "http": {"listen": "127.0.0.1:9377"}}
```

A size is a number of bytes or text with a unit (`"64KiB"`, `"1MiB"`, `"2GiB"`), a time is a number
of seconds or text with a unit (`"500ms"`, `"5s"`, `"2m"`, `"1h"`). A variable for a key of a buffer
applies to every buffer, except `PUNCHLINE_BUFFER`, which adds one, and `PUNCHLINE_TOPIC`, which
is for those added by it or by `-b`. `PUNCHLINE_KAFKA_SASL_PASSWORD` sets the property
`sasl.password`, and so on.

Under `"kafka"` a value may be `{"file": "/run/secrets/sasl-password"}`: the text of that file
(1 byte to 64 KiB, one newline at its end left out). `PUNCHLINE_KAFKA_SASL_PASSWORD_FILE` names such
a file in the environment. What comes from a file is in no log, page or error text.

Files of `sasl.*` and `ssl.*` properties, and those that `ssl.certificate.location` and the like
name, are read again whenever the Kafka client is made anew: each 5 s while every broker refuses our
certificate or password, or shows a certificate that we do not trust, and after anything else that
ends a client. So what is rotated needs no restart: put the new file in place of the old one, by a
rename. As long as the old one is accepted, the client goes on with it.

SIGHUP makes a client with what config and files hold by then, beside the present one. That goes on
until the new one stands: brokers have let it in, given it a producer id, and have all topics that
the present one may use. Until then it is made anew each 5 s, each 10 s where nothing is heard, and
the log says once why it does not stand: half a pair of certificate and key needs no second SIGHUP.
)";

constexpr std::string_view kMetricsIntro = R"(
## Metrics

Served at `/metrics`. Counters begin at 0 with each start. At any moment, for each buffer,
in records and in bytes:

    read = confirmed + unsettled + set aside (all reasons) + lost (all reasons but overwritten)

Bytes that were lost unread count as read. What was lost is noted on the buffer too, for `inspect`
and `verify` (buffer/FORMAT.md, "What was lost").

`/status` has the same as JSON, with path and topic of each buffer, and `kafka_trouble`: `null`, or
why no broker answers, no client can be made, or which broker or partition keeps records waiting,
and for how long; also `kafka_brokers`: those of the cluster, with the address that each advertises;
`kafka_topics`: whether the cluster says that there is no such topic, and how many of its partitions
have no leader, or have records in flight of which none was confirmed for 5 s;
`kafka_reconnecting`: what SIGHUP asked for does not stand yet; `kafka_cluster`: the id
of the cluster that answers, how often it was another one, and the offsets that were confirmed and
are gone; and `clock_trouble`: `null`, or what the machine's clock says that cannot be and what
becomes of records meanwhile, which stands in the text of `/readyz` too.

| name | type | labels | unit | meaning |
|---|---|---|---|---|
)";

}  // namespace

std::string exit_codes_text() {
  std::string text;
  for (const auto& [code, meaning] : kExitCodes) {
    text += fmt::format("  {:>2}  {}\n", static_cast<int>(code), meaning);
  }
  return text;
}

std::string options_text() {
  std::string text =
      "Config file keys and environment variables, which flags override\n"
      "(sizes: bytes or \"64KiB\"; times: seconds or \"500ms\"):\n";
  for (const auto scope : kScopes) {
    text += "\n " + heading_of(scope) + "\n";
    for (const auto& option : option_table()) {
      if (option.scope != scope) continue;
      const auto range = range_of(option);
      const auto initial = default_of(option);
      text += fmt::format("  {:<20} {}\n  {:<20} {}{}{}{}{}\n", option.key, option.help, "",
                          option.environment, range.empty() ? "" : "; ", range,
                          initial.empty() ? "" : "; default ", initial);
    }
  }
  return text + "\nExit codes:\n" + exit_codes_text();
}

std::string reference_page() {
  std::string page =
      "# Reference\n\nMade from the program's own tables; a test holds this page against them.\n\n";
  page += kOptionsIntro;
  for (const auto scope : kScopes)
    append_options(page, scope);
  page += "\n## Exit codes\n\n| code | meaning |\n|---|---|\n";
  for (const auto& [code, meaning] : kExitCodes) {
    page += fmt::format("| {} | {} |\n", static_cast<int>(code), meaning);
  }
  page += kMetricsIntro;
  for (const auto& row : buffer_figure_table())
    append_metric(page, row.info);
  for (const auto& row : other_metric_table())
    append_metric(page, row.info);
  return page;
}

}  // namespace punchline
