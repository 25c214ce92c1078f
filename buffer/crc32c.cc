#include "buffer/crc32c.h"

#include <isa-l/crc.h>

namespace punchline {

// crc32_iscsi inverts neither its seed nor its result, and takes a pointer to non-const by mistake.
std::uint32_t crc32c(std::string_view bytes, std::uint32_t sum) {
  auto* data = reinterpret_cast<unsigned char*>(const_cast<char*>(bytes.data()));
  return ~crc32_iscsi(data, static_cast<int>(bytes.size()), ~sum);
}

}  // namespace punchline
