#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>

#include "agent/core/metrics.h"

namespace punchline {

struct Page {
  int status = 200;
  std::string content_type = "text/plain; charset=utf-8";
  std::string body;
};

/// The agent's thread is taken for stuck when it has not turned for so long. It wakes each second,
/// so only a call that hangs (a dead disk, most likely) can bring it here.
inline constexpr std::chrono::milliseconds kHeartbeatAgeMax{15'000};

/// What the agent shows at `path`, nothing for a path it does not know. `now_ms` is the steady
/// clock that the heartbeat is written with. Any thread.
///
///   /metrics  Prometheus' text format
///   /healthz  200 while the agent's thread turns, else 503 with the reason
///   /readyz   200 when producers may start, else 503 with the reason; Kafka is not asked
///   /status   the figures as JSON
///   /         the same for people
std::optional<Page> page_at(std::string_view path, const Metrics& metrics, std::uint64_t now_ms);

/// The body of /status.
std::string status_json(const Metrics& metrics);

}  // namespace punchline
