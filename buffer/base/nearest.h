#pragma once

#include <cstddef>
#include <span>
#include <string_view>

namespace punchline {

/// How many letters have to be inserted, removed or changed to turn one into the other
/// (Levenshtein).
std::size_t edit_distance(std::string_view a, std::string_view b);

/// The word of `known` with the smallest edit distance; the first of several. "" if none is known.
std::string_view nearest(std::string_view word, std::span<const std::string_view> known);

}  // namespace punchline
