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

/// The agent's thread counts as stuck when it has not turned for this long. It wakes each second,
/// so only a call that hangs (most likely on a dead disk) can cause that.
inline constexpr std::chrono::milliseconds kHeartbeatAgeMax{15'000};

/// The agent's page at `path`; empty for an unknown path. `now_ms` is the time of the steady clock
/// by which the heartbeat is written. Any thread.
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
