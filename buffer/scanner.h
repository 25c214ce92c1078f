#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "buffer/base/byte_range.h"
#include "buffer/base/result.h"
#include "buffer/buffer_file.h"
#include "buffer/item.h"
#include "buffer/space.h"
#include "buffer/state.h"

namespace punchline {

/// What one step of a scan came to.
struct ScanStep {
  enum class End : std::uint8_t {
    more,          ///< Go on at `next`.
    end_of_data,   ///< No complete record from `next` on, for now.
    needs_memory,  ///< The record at `next` is not over the limit, but larger than the memory
                   ///< given: come again with memory_bytes().
  };
  Position next = 0;  ///< Behind the last item appended.
  End end = End::more;
  /// At end_of_data: length of what is there of a last record.
  std::uint64_t unfinished_bytes = 0;
  /// At end_of_data: the NULs that the file ends with, behind that. They may be room that a producer
  /// has made ahead: no part of a record yet.
  std::uint64_t room_bytes = 0;
};

/// Finds the items of a buffer in file order, reading into memory that is lent for each step.
///
/// Each step does a bounded amount of reading, so neither a record of any length nor a hole of
/// terabytes holds up the caller. Nothing is changed. One thread. Errors: `io` from the file;
/// nothing is appended then. Base, fences and limits are those that the Space has at each step.
class Scanner {
 public:
  virtual ~Scanner() = default;

  /// What was read may read differently now: the next step begins without any of it.
  virtual void forget() = 0;

  /// Memory with which no record under the limit ends in `needs_memory`.
  virtual std::size_t memory_bytes() const = 0;

  /// Appends the items of what begins in [from, until) and is complete, at most `items_max`.
  /// `from` must be a record start: the begin or the end of an item, or the front.
  /// Payload offsets refer to `memory`, which is filled from `from` on.
  virtual Result<ScanStep> step(Position from, Position until, std::span<char> memory,
                                std::size_t items_max, std::vector<Item>& items) = 0;
};

/// A scanner for the format that `space` has now. `space` must outlive it.
std::unique_ptr<Scanner> make_scanner(Space& space);

/// What a file holds whose state does not know the format.
struct Detected {
  Format format = Format::none;  ///< `none`: nothing whole, or too little to tell.
  std::uint32_t salt = 0;        ///< With frames: of the first one. In a copy the original's.
  bool has_text = false;         ///< Not only NULs and newlines.
};
/// What begins below `careful_end` may be torn, and decides only if it is whole.
Result<Detected> detect_format(BufferFile& file, Offset careful_end);

}  // namespace punchline
