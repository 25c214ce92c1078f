#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "buffer/checkpoint.h"

namespace punchline {

/// The entries that wait in the quarantine beside a buffer.
struct QuarantineContents {
  std::string path;
  std::uint64_t bytes = 0;
  std::optional<std::uint64_t> entries;  ///< Empty: not counted, as there are very many bytes.

  /// "BUFFER.quarantine holds 3 entries (1200 bytes); ...", with what to do about them.
  std::string text() const;
};

/// Empty if there is no quarantine, if it is empty, or if it cannot be read. `facts` as for
/// Checkpoint. Changes nothing.
std::optional<QuarantineContents> look_into_quarantine(const std::string& buffer_path,
                                                       const StartFacts& facts);

}  // namespace punchline
