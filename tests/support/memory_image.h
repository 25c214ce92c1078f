#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>

#include "buffer/base/byte_range.h"

namespace punchline::testing {

/// The state of a file at one moment: sparse bytes, size, attributes. No failures, no operations.
struct MemoryImage {
  static constexpr std::uint64_t kPageBytes = 4096;
  using Page = std::array<char, kPageBytes>;

  std::map<std::uint64_t, Page> pages;  ///< By page number; what is not here is hole.
  std::uint64_t size = 0;
  std::map<std::string, std::string, std::less<>> attributes;
  std::uint64_t collapsed_bytes = 0;  ///< Cut off so far: the position of offset 0.

  /// Changes pages alone. The size is left to the caller.
  void put(std::uint64_t offset, std::string_view text);
  void zero(IndexRange offsets);
  void resize(std::uint64_t to);
  /// Shifts page by page, from the lowest after the hole on. False if some are left where they
  /// were.
  bool shift(IndexRange hole, std::uint64_t pages_max);

  std::uint64_t data_from(std::uint64_t offset) const;
  std::uint64_t hole_from(std::uint64_t offset) const;
  void read(std::uint64_t offset, char* into, std::uint64_t bytes) const;
  std::string text() const;
};

}  // namespace punchline::testing
