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

/// The result of one step of a scan.
struct ScanStep {
  enum class End : std::uint8_t {
    more,          ///< Go on at `next`.
    end_of_data,   ///< There is no complete record from `next` on, for now.
    needs_memory,  ///< The record at `next` is within the limit, but larger than the memory given:
                   ///< call again with memory_bytes() of memory.
  };
  Position next = 0;  ///< The end of the last item appended.
  End end = End::more;
  /// At end_of_data: how many bytes of an unfinished last record there are.
  std::uint64_t unfinished_bytes = 0;
  /// At end_of_data: how many NULs follow it, up to the end of the file. They may be a producer's
  /// room, and are no part of a record yet.
  std::uint64_t room_bytes = 0;
};

/// Finds the items of a buffer in file order. The caller lends the memory to read into for each
/// step.
///
/// Each step reads a bounded amount, so neither a long record nor a hole of terabytes holds up the
/// caller. A Scanner changes nothing in the file. One thread. Errors: `io` from the file; no item
/// is appended then. Each step takes the base, fences and limits that the Space has at that moment.
class Scanner {
 public:
  virtual ~Scanner() = default;

  /// Drops whatever earlier steps have read, since those bytes may read differently now.
  virtual void forget() = 0;

  /// With this much memory no record within the limit ends in `needs_memory`.
  virtual std::size_t memory_bytes() const = 0;

  /// Appends the complete items that begin in [from, until), at most `items_max` of them.
  /// `from` must be the start of a record: the start or the end of an item, or the front.
  /// Payload offsets refer to `memory`, which is filled from `from` on.
  virtual Result<ScanStep> step(Position from, Position until, std::span<char> memory,
                                std::size_t items_max, std::vector<Item>& items) = 0;
};

/// Makes a scanner for the present format of `space`, which must outlive it.
std::unique_ptr<Scanner> make_scanner(Space& space);

/// The contents of a file whose state does not name the format.
struct Detected {
  Format format = Format::none;  ///< `none`: nothing whole, or too little to tell.
  std::uint32_t salt = 0;        ///< Frames: the salt of the first one. In a copy the original's.
  bool has_text = false;         ///< There is more than NULs and newlines.
};
/// Tells the format by the contents (buffer/FORMAT.md, D1 to D6). Bytes that begin below
/// `careful_end` may be torn: they decide only if they form a whole record.
Result<Detected> detect_format(BufferFile& file, Offset careful_end);

}  // namespace punchline
