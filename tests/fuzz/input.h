#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>

namespace punchline::fuzz {

/// What must hold, does: otherwise the input is a finding.
inline void must(bool holds, const char* what) {
  if (holds) return;
  std::fprintf(stderr, "must hold, and does not: %s\n", what);
  std::abort();
}

/// An input, taken apart from its front. Behind its end there are zeros.
class Input {
 public:
  Input(const std::uint8_t* data, std::size_t size)
      : rest_(reinterpret_cast<const char*>(data), size) {}

  bool empty() const { return rest_.empty(); }

  std::uint8_t byte() {
    if (rest_.empty()) return 0;
    const auto first = static_cast<std::uint8_t>(rest_.front());
    rest_.remove_prefix(1);
    return first;
  }
  std::uint32_t two_bytes() {
    const std::uint32_t first = byte();
    return first | std::uint32_t{byte()} << 8U;
  }
  std::string_view text(std::size_t bytes_max) {
    const auto taken = rest_.substr(0, bytes_max);
    rest_.remove_prefix(taken.size());
    return taken;
  }
  std::string_view rest() { return text(rest_.size()); }

 private:
  std::string_view rest_;
};

/// A story acts as the input says, until that or the room for it is used up, and comes to its end.
template <class Story>
int tell(Story& story, Input& input) {
  while (!input.empty() && !story.is_full())
    story.act(input);
  story.end();
  return 0;
}

}  // namespace punchline::fuzz
