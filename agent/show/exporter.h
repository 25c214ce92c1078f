#pragma once

#include <string>

#include "agent/core/metrics.h"

namespace punchline {

/// All metrics of the table in Prometheus' text format, read at this moment. Any thread.
std::string prometheus_text(const Metrics& metrics);

}  // namespace punchline
