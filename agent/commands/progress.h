#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <utility>

namespace punchline {

/// Says on stderr how far a long look at a buffer has come (ViewProgress).
class Progress {
 public:
  explicit Progress(std::string command) : command_(std::move(command)) {}
  void operator()(std::uint64_t at, std::uint64_t end);

 private:
  using Clock = std::chrono::steady_clock;

  std::string command_;
  Clock::time_point told_ = Clock::now();
};

}  // namespace punchline
