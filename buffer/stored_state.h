#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "buffer/base/byte_range.h"
#include "buffer/base/result.h"
#include "buffer/buffer_file.h"
#include "buffer/state.h"

// What a buffer's attributes say to a program that looks at it beside the agent. Nothing here
// changes the file. Any thread.

namespace punchline {

/// The error for a state of a newer version.
Error newer_version(const BufferFile& file);

/// The state as it is stored, for programs that look at a buffer beside the agent.
struct StoredState {
  bool exists = false;
  Decoded decoded = Decoded::damaged;
  State state;  ///< If decoded == ok; otherwise as for a buffer without state.
  std::vector<Position> fences;
  bool fences_sound = true;  ///< The checksum of their attribute is right, or there is none.
  std::string raw;  ///< Both attributes' bytes: equal before and after means that nothing moved.
};
/// Errors: `io`.
Result<StoredState> read_stored_state(BufferFile& file);

/// An upper bound on the bytes that a start would find at or after the front. That is the whole
/// file if it has no sound state of its own, or if it was truncated. A collapse whose intent is
/// noted is assumed to have been carried out. Errors as for read_stored_state().
Result<std::uint64_t> bytes_behind_front(BufferFile& file);

/// The format that a writer has to keep to, from the state or else from the contents. `none` if
/// nothing has been appended yet. Errors: `refused` for a state of a newer version; `io`.
Result<Format> standing_format(BufferFile& file);

}  // namespace punchline
