#pragma once

#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <optional>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "tests/support/account.h"
#include "tests/support/log_corpus.h"
#include "tests/support/process.h"

namespace punchline::testing {

/// A producer to be killed: a process that appends what a thread of ours feeds it with. The kernel
/// has counted how far it came, so each line is known to be in the file, torn, or not there.
class Victim {
 public:
  enum class Kind : std::uint8_t {
    foreign,  ///< line_writer: O_APPEND, nothing else.
    lines,    ///< punchline append
    frames,   ///< punchline append --format frames
  };
  struct Setup {
    Kind kind = Kind::foreign;
    std::string buffer = {};
    std::optional<std::string> key = {};  ///< Of frames.
    std::uint64_t lines_per_second = 2'000;
  };

  /// Starts it. `corpus` must outlive it.
  Victim(const LogCorpus& corpus, std::uint32_t number, Setup setup);
  ~Victim();
  Victim(const Victim&) = delete;
  Victim& operator=(const Victim&) = delete;

  /// kill -9, and starts another one. `in_a_rush`: kills it while it writes as fast as it can.
  void kill9(std::mt19937_64& random, bool in_a_rush);
  /// Lets it come to its end. Throws std::runtime_error if it failed, or the count is wrong.
  void finish();

  std::uint64_t torn() const { return torn_; }  ///< Kills that met it in mid-record.
  const Written& written() const { return written_; }

 private:
  struct Fed {
    std::uint64_t first = 0;
    std::vector<std::uint64_t> ends;  ///< In the file, of each record, from this life's first byte.
  };

  void start();
  void feed();
  void feed_batch(std::uint64_t lines);
  Exit end_life(bool killed);
  void settle(std::uint64_t bytes);
  std::uint64_t record_bytes(std::size_t payload_bytes) const;

  const LogCorpus& corpus_;
  const std::uint32_t number_;
  const Setup setup_;
  Written written_;
  std::uint64_t torn_ = 0;
  std::optional<Process> process_;
  Fed fed_;  // the thread's until it has been joined
  std::thread feeder_;

  std::mutex mutex_;  // for the two below
  std::condition_variable told_;
  bool stop_ = false;
  bool rush_ = false;
};

}  // namespace punchline::testing
