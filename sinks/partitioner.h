#pragma once

#include <cstdint>

#include "buffer/byte_range.h"

namespace punchline {

/// The partition of a record without a key: (position / stripe_bytes) mod count.
///
/// It depends on the position alone, so after a restart a record goes to the partition it was
/// sent to before, and a duplicate stands beside its original. `stripe_bytes` > 0, `count` > 0;
/// the answer is in [0, count).
std::int32_t keyless_partition(Position position, std::uint64_t stripe_bytes, std::int32_t count);

}  // namespace punchline
