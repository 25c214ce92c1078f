#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "buffer/checkpoint.h"

namespace punchline {

/// What waits in the quarantine beside a buffer.
struct QuarantineContents {
  std::string path;
  std::uint64_t bytes = 0;
  std::optional<std::uint64_t> entries;  ///< Not counted where there are very many bytes.

  /// "BUFFER.quarantine holds 3 entries (1200 bytes); ...", with what to do about them.
  std::string text() const;
};

/// Nothing where there is none, it is empty, or it cannot be read. `facts` as for Checkpoint.
/// Changes nothing.
std::optional<QuarantineContents> look_into_quarantine(const std::string& buffer_path,
                                                       const StartFacts& facts);

}  // namespace punchline
