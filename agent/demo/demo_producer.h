#pragma once

#include <atomic>
#include <cstdint>
#include <string>
#include <thread>

#include "agent/demo/demo_lines.h"

namespace punchline {

/// Appends numbered lines to a file at a steady pace, on a thread of its own, like any program that
/// logs to a file: opens it with O_APPEND and writes whole lines.
class DemoProducer {
 public:
  struct Plan {
    std::string path;
    std::uint64_t lines;
    std::uint64_t lines_per_second;
  };
  /// Begins at once. Borrows `lines`.
  DemoProducer(const DemoLines& lines, Plan plan);
  /// Stops it early if it is not done.
  ~DemoProducer();
  DemoProducer(const DemoProducer&) = delete;
  DemoProducer& operator=(const DemoProducer&) = delete;

  std::uint64_t appended() const { return appended_; }
  bool done() const { return appended_ == plan_.lines; }
  bool failed() const { return failed_; }

 private:
  void run();
  bool append(int fd, std::uint64_t begin, std::uint64_t end);

  const DemoLines& lines_;
  const Plan plan_;
  std::atomic<std::uint64_t> appended_{0};
  std::atomic<bool> failed_{false};
  std::atomic<bool> ending_{false};
  std::thread thread_;
};

}  // namespace punchline
