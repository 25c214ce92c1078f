#pragma once

#include <optional>
#include <string>
#include <vector>

#include "agent/view/buffer_view.h"

namespace punchline {

/// One thing that `verify` has to say.
struct VerifyFinding {
  bool damage = false;  ///< false: worth knowing, nothing is wrong.
  std::string text;

  friend bool operator==(const VerifyFinding&, const VerifyFinding&) = default;
};

/// Judges a buffer by what was seen of it and, where there is one, of its quarantine. Damage is
/// whatever a crash, a dying writer or a foreign hand has done to it: a state that does not check
/// or does not fit the file, bytes that cannot be proved to be records. Pure.
std::vector<VerifyFinding> verify(const BufferView& buffer,
                                  const std::optional<BufferView>& quarantine);

/// Nothing of it is damage.
bool is_sound(const std::vector<VerifyFinding>& findings);

}  // namespace punchline
