#include "sinks/partitioner.h"

#include <cassert>

namespace punchline {

std::int32_t keyless_partition(Position position, std::uint64_t stripe_bytes, std::int32_t count) {
  assert(stripe_bytes > 0 && count > 0);
  return static_cast<std::int32_t>(position / stripe_bytes % static_cast<std::uint64_t>(count));
}

}  // namespace punchline
