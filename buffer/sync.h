#pragma once

#include "buffer/attributes.h"
#include "buffer/base/result.h"
#include "buffer/space.h"

namespace punchline {

/// Calls fdatasync(2), then notes how far the file is durable. On failure it does what distrust()
/// does. One thread. Errors: `io`; as for Attributes::move_front().
Status sync_buffer(Space& space, Attributes& attributes);

/// Sets a fence at the end of the file, and holds the synced position back until the front is past
/// it: bytes written before may read differently once the page cache is gone. For EIO of any call
/// that writes.
void distrust(Space& space, Attributes& attributes);

}  // namespace punchline
