#pragma once

#include <optional>
#include <string>
#include <vector>

#include "agent/view/buffer_view.h"

namespace punchline {

/// One finding of `verify`.
struct VerifyFinding {
  bool damage = false;  ///< false: worth knowing, but nothing is wrong.
  std::string text;

  friend bool operator==(const VerifyFinding&, const VerifyFinding&) = default;
};

/// Judges a buffer by the views of it and of its quarantine, if it has one. Damage is what a crash,
/// a dying writer or somebody else has done to it: a state that does not check or does not fit the
/// file, bytes that cannot be proved to be records. Pure.
std::vector<VerifyFinding> verify(const BufferView& buffer,
                                  const std::optional<BufferView>& quarantine);

/// None of the findings is damage.
bool is_sound(const std::vector<VerifyFinding>& findings);

}  // namespace punchline
