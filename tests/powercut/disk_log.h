#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace punchline::testing {

/// What a disk was asked to do, in the order in which it was done.
enum class DiskAction : std::uint32_t { write, discard, flush, mark };

/// How cut_disk writes an entry: this, then the bytes of a write or the text of a mark.
struct DiskEntryHead {
  DiskAction action;
  std::uint32_t unused = 0;
  std::uint64_t offset = 0;
  std::uint64_t bytes = 0;
  std::int64_t time_ns = 0;  ///< CLOCK_REALTIME, when the disk had it.
};

struct DiskEntry {
  DiskAction action;
  std::uint64_t offset = 0;
  std::uint64_t bytes = 0;
  std::int64_t time_ns = 0;
  std::string_view data;  ///< Of a write or a mark; points into the log.
};

/// The log that cut_disk has written, in memory. Throws std::runtime_error if it cannot be read.
class DiskLog {
 public:
  explicit DiskLog(const std::string& path);
  ~DiskLog();
  DiskLog(const DiskLog&) = delete;
  DiskLog& operator=(const DiskLog&) = delete;

  std::span<const DiskEntry> entries() const { return entries_; }

 private:
  std::string_view bytes_;
  std::vector<DiskEntry> entries_;
};

}  // namespace punchline::testing
