#pragma once

#include <string>

#include "agent/core/metrics.h"

namespace punchline {

/// All metrics of the table, with their present values, in Prometheus' text format. Any thread.
std::string prometheus_text(const Metrics& metrics);

}  // namespace punchline
