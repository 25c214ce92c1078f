#pragma once

#include <fmt/core.h>

#include "buffer/base/position.h"

/// Formats a position, in texts for people, as its number.
template <class Sequence>
struct fmt::formatter<punchline::PlaceOf<Sequence>> {
  constexpr auto parse(format_parse_context& context) { return context.begin(); }
  auto format(punchline::PlaceOf<Sequence> at, format_context& context) const {
    return fmt::format_to(context.out(), "{}", at.value());
  }
};
