#pragma once

#include <atomic>
#include <cstdint>
#include <string>
#include <thread>
#include <vector>

#include "tests/support/log_corpus.h"

namespace punchline::testing {

/// A log producer like any other program: appends lines with O_APPEND from a thread of its own. It
/// notes the offset of each line, so that the order in the file is known afterwards.
class Producer {
 public:
  struct Load {
    std::uint64_t lines = 0;             ///< How many in all.
    std::uint64_t lines_per_second = 0;  ///< 0: as fast as it goes.
    std::uint64_t lines_per_write = 20;
  };

  /// Starts at once. `corpus` must outlive it.
  Producer(const LogCorpus& corpus, std::uint32_t number, std::string path, Load load);
  ~Producer();
  Producer(const Producer&) = delete;
  Producer& operator=(const Producer&) = delete;

  bool done() const { return done_; }
  std::uint64_t appended() const { return appended_; }
  void stop() { stop_ = true; }  ///< After the write that is under way.

  /// Waits for the end. Returns the file offset of each line that was appended, by number. Throws
  /// std::runtime_error if appending failed. Only to be called once.
  std::vector<std::uint64_t> join();

 private:
  void append_all();
  bool append_batch(int fd, std::uint64_t first, std::uint64_t count);

  const LogCorpus& corpus_;
  const std::uint32_t number_;
  const std::string path_;
  const Load load_;
  std::atomic<bool> stop_ = false;
  std::atomic<bool> done_ = false;
  std::atomic<std::uint64_t> appended_ = 0;
  // Used by the thread until it has been joined.
  std::vector<std::uint64_t> offsets_;
  std::string batch_;
  std::string error_;
  std::thread thread_;
};

}  // namespace punchline::testing
