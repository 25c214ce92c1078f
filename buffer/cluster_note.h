#pragma once

#include <cstddef>
#include <string>

#include "buffer/base/result.h"
#include "buffer/buffer_file.h"

namespace punchline {

/// A longer id is cut off; Kafka's own have 22 characters.
inline constexpr std::size_t kClusterIdMax = 64;

/// The id of the Kafka cluster that the last agent has sent this buffer's records to, as its
/// attribute says (FORMAT.md, kClusterAttribute). "" if there is none or it cannot be read. It decides
/// nothing, so it has no checksum.
std::string noted_cluster(BufferFile& file);

/// Sets the attribute if it differs from `id`. Errors as for BufferFile::set_attribute().
Status note_cluster(BufferFile& file, const std::string& id);

}  // namespace punchline
