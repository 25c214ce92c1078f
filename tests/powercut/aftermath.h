#pragma once

#include <string>
#include <vector>

#include "tests/powercut/recording.h"
#include "tests/powercut/records.h"
#include "tests/powercut/topic_tail.h"
#include "tests/support/program.h"

namespace punchline::testing {

/// How the next life of a disk that lost its power begins.
struct NextLife {
  bool appends_before = false;  ///< Producers are there before the agent, and the fence.
  bool appends_after = false;   ///< Producers come after it.
  std::uint64_t number = 0;     ///< Of the cut: its records have numbers of their own.
};

/// Producers of the next life; below are those of the recording.
inline constexpr std::uint32_t kBefore = 100;
inline constexpr std::uint32_t kAfter = 101;

/// How far a collapse came that the cut went through.
enum class Torn : std::uint8_t {
  no,       ///< Nothing has been shifted, or all is done.
  in_part,  ///< Some extents have been shifted and others have not.
  size,     ///< All have been, and the file is still as long as before.
};

/// What was found on the disk before the agent's next life, and what came of that.
struct Aftermath {
  bool state_is_sound = false;
  bool intent_stands = false;
  bool base_moved = false;
  Torn torn = Torn::no;
  bool hole_above_front = false;  ///< Anywhere.
  std::uint64_t front = 0;
  std::uint64_t zeros_from = 0;  ///< File offset of the first long run of NULs at or above the
                                 ///< front; the size where there is none.
  std::vector<RecordId> before;  ///< Appended by the next life's producers, see NextLife.
  std::vector<RecordId> after;
  std::vector<Arrival> arrivals;
  std::vector<std::string> quarantined;
  std::string trouble;  ///< An exit code that must not be, with the agent's words.
};

/// Mounts the image, lets producers append, runs the agent in a new boot until all is forwarded,
/// and unmounts. Throws std::runtime_error if the filesystem cannot be mounted, or the like.
Aftermath live_on(FsMounts& mounts, const Recording& recording, const std::string& image,
                  const NextLife& life, const RunSetup& to, TopicTail& tail);

}  // namespace punchline::testing
