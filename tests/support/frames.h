#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "buffer/buffer_file.h"
#include "buffer/frame.h"
#include "buffer/item.h"

namespace punchline::testing {

/// A record of format frames that owns its bytes.
struct FrameSeen {
  std::string payload;
  std::optional<std::string> key;
  std::vector<std::pair<std::string, std::optional<std::string>>> headers;
  std::int64_t timestamp_ms = FrameRecord::kNoTimestamp;
};

/// What a whole buffer holds, read as the agent reads it.
struct FramesSeen {
  std::vector<FrameSeen> records;
  std::vector<Item> items;  ///< All of them. Their offsets into memory mean nothing any more.
  Position end = 0;         ///< The end of the last item.
  std::uint64_t unfinished_bytes = 0;

  std::vector<std::string> payloads() const;
  std::size_t set_aside() const;
};
/// Throws std::runtime_error if it cannot be read.
FramesSeen read_frames(BufferFile& file, const ReadRules& rules = {});

/// The salt of this file.
std::uint32_t salt_of(BufferFile& file);

}  // namespace punchline::testing
