#pragma once

#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <vector>

#include "tests/support/log_corpus.h"

namespace punchline::testing {

/// What was appended against what arrived, line by line.
struct Account {
  std::uint64_t appended = 0;
  std::uint64_t arrivals = 0;         ///< Lines read back, with all duplicates.
  std::uint64_t lost = 0;             ///< Appended, never read.
  std::uint64_t duplicates = 0;       ///< Arrivals of a line beyond its first.
  std::uint64_t invented = 0;         ///< Arrivals that are not byte for byte one appended line.
  std::uint64_t disordered = 0;       ///< First arrivals behind one that stands later in the file.
  std::vector<std::string> examples;  ///< The first few of what is wrong.

  /// Nothing lost, invented or out of order; duplicates are the caller's to judge.
  bool sound() const { return lost == 0 && invented == 0 && disordered == 0; }
  double duplicate_share() const;
  std::string text() const;
};

/// Draws up the account in one walk over the data.
/// `offsets[p][n]`: where in the file line n of producer p stands (Producer::join()).
/// `partitions`: one file each, what a reader got, in its order, a newline behind each record.
Account settle(const LogCorpus& corpus, std::span<const std::vector<std::uint64_t>> offsets,
               std::span<const std::filesystem::path> partitions);

}  // namespace punchline::testing
