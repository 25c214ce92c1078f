#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <utility>

#include "buffer/base/position.h"

namespace punchline {

/// Prints to stderr how far a long look at a buffer has come (ViewProgress).
class Progress {
 public:
  explicit Progress(std::string command) : command_(std::move(command)) {}
  void operator()(Position at, Position end);

 private:
  using Clock = std::chrono::steady_clock;

  std::string command_;
  Clock::time_point told_ = Clock::now();
};

}  // namespace punchline
