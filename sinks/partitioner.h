#pragma once

#include <cstdint>
#include <string_view>

#include "buffer/base/byte_range.h"

namespace punchline {

/// The partition of a record without a key: (position / stripe_bytes) mod count.
///
/// It depends on the position alone. So after a restart a record goes to the same partition as
/// before, and a duplicate is in the partition of its original. `stripe_bytes` > 0, `count` > 0;
/// the answer is in [0, count).
std::int32_t keyless_partition(Position position, std::uint64_t stripe_bytes, std::int32_t count);

/// The partition of a record with a key: (murmur2(key) & 0x7fffffff) mod count. This is how Java's
/// DefaultPartitioner chooses (org.apache.kafka.common.utils.Utils.murmur2), so consumers that
/// co-partition by key find the record where they expect it. `count` > 0; the answer is in
/// [0, count).
std::int32_t keyed_partition(std::string_view key, std::int32_t count);

}  // namespace punchline
