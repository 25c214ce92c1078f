#pragma once

#include <chrono>

namespace punchline {

/// The agent's only clock. Code that decides is handed the time and never asks for it.
using TimePoint = std::chrono::steady_clock::time_point;
using Duration = std::chrono::steady_clock::duration;

}  // namespace punchline
