#pragma once

#include <cstdint>
#include <string_view>

namespace punchline {

/// CRC-32C (Castagnoli, RFC 3720 appendix B.4) of `bytes`. To continue a sum, pass it as `sum`.
/// crc32c("123456789") is 0xe3069283.
std::uint32_t crc32c(std::string_view bytes, std::uint32_t sum = 0);

}  // namespace punchline
