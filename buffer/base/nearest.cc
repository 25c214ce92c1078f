#include "buffer/base/nearest.h"

#include <algorithm>
#include <numeric>
#include <vector>

namespace punchline {

std::size_t edit_distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> row(b.size() + 1);
  std::iota(row.begin(), row.end(), 0);
  for (std::size_t i = 0; i < a.size(); ++i) {
    auto diagonal = row[0];
    row[0] = i + 1;
    for (std::size_t j = 0; j < b.size(); ++j) {
      const auto substitution = diagonal + (a[i] == b[j] ? 0 : 1);
      diagonal = row[j + 1];
      row[j + 1] = std::min({row[j] + 1, diagonal + 1, substitution});
    }
  }
  return row.back();
}

std::string_view nearest(std::string_view word, std::span<const std::string_view> known) {
  const auto best = std::ranges::min_element(
      known, {}, [&](std::string_view candidate) { return edit_distance(word, candidate); });
  return best == known.end() ? std::string_view{} : *best;
}

}  // namespace punchline
