#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <string>
#include <thread>
#include <vector>

#include "buffer/state.h"
#include "tests/powercut/recording.h"

namespace punchline::testing {

/// What producers do on a disk that is being recorded. Threads of its own from start to stop();
/// throws std::runtime_error there if one of them could not do its work.
///
/// Producers 0 and 1 make durable what they have appended, each in its own time, and mark what is
/// so; 2 and 3 never do. In lines 0 and 2 append as any program does, 1 and 3 as `punchline
/// append`. Beside them two sync other files all the time: without that a journal commits so
/// seldom that every operation looks atomic.
class Load {
 public:
  struct Microseconds {
    std::uint64_t least;
    std::uint64_t most;
  };
  /// How long each waits between two of its turns, and in how many of theirs 0 and 1 sync.
  struct Pace {
    Microseconds producers{500, 6'000};
    Microseconds others{200, 2'000};
    std::uint64_t turns_a_sync = 6;
  };
  /// An agent that is away most of the time keeps up, and there is a commit in the middle of
  /// whatever it does.
  static constexpr Pace kForCollapses{{2'000, 20'000}, {0, 200}, 2};

  Load(std::string folder, std::string mark, Format format, const Pace& pace, std::uint64_t seed);
  ~Load();
  Load(const Load&) = delete;
  Load& operator=(const Load&) = delete;

  /// Ends it: when each record began to be appended, by producer and number.
  std::vector<std::vector<std::int64_t>> stop();

 private:
  void produce(std::uint32_t number, std::uint64_t seed);
  void sync_others(int number, std::uint64_t seed);
  void mark_durable(int buffer_fd, int mark_fd);

  const std::string folder_;
  const std::string mark_;
  const Format format_;
  const Pace pace_;
  std::atomic<bool> stop_ = false;
  std::array<std::atomic<std::uint64_t>, kProducers> appended_{};
  std::vector<std::vector<std::int64_t>> begun_ns_;  // each its producer's until it is joined
  std::vector<std::string> errors_;                  // likewise, by thread
  std::vector<std::thread> threads_;
};

/// Writes one mark to cut_disk's file.
void put_mark(int mark_fd, const std::string& text);
std::int64_t realtime_ns();

}  // namespace punchline::testing
