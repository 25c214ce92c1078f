#pragma once

#include <cstddef>
#include <random>
#include <string>

#include "tests/powercut/disk_log.h"

namespace punchline::testing {

/// What becomes of the writes since the last flush.
enum class Unflushed : std::uint8_t {
  kept,
  lost,
  half,  ///< Each is there or not.
  late,  ///< Only the last of them, from some moment on.
  torn,  ///< Each sector of 512 bytes is there or not.
};
inline constexpr int kUnflushedKinds = 5;
const char* name_of(Unflushed kind);

/// Makes the disk as it stood at any moment of a log. Throws std::runtime_error.
class CutImages {
 public:
  /// `base`: the disk as it was before the first entry; it is changed. Both must outlive this.
  CutImages(const DiskLog& log, std::string base);

  /// Writes to `path` what the disk holds when the power goes after the first `entries` entries.
  /// Moments must not go back from one call to the next.
  void make(const std::string& path, std::size_t entries, Unflushed kind, std::mt19937_64& random);

 private:
  void flush_up_to(std::size_t entries);

  const DiskLog& log_;
  const std::string base_;   // what is durable for certain after flushed_ entries
  std::size_t flushed_ = 0;  // entries, the last of them a flush
};

}  // namespace punchline::testing
