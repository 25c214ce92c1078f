#pragma once

#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <vector>

#include "tests/support/log_corpus.h"

namespace punchline::testing {

/// Compares what was appended with what arrived, line by line.
struct Account {
  std::uint64_t appended = 0;
  std::uint64_t arrivals = 0;         ///< Lines read back, with all duplicates.
  std::uint64_t lost = 0;             ///< Appended, never read.
  std::uint64_t duplicates = 0;       ///< Arrivals of a line beyond its first.
  std::uint64_t invented = 0;         ///< Arrivals that are not byte for byte one appended line.
  std::uint64_t disordered = 0;       ///< First arrivals after a line that is later in the file.
  std::uint64_t torn = 0;             ///< Torn texts that arrived, alone or glued to a line.
  std::uint64_t strayed = 0;          ///< Arrivals in another partition than the key's.
  std::vector<std::string> examples;  ///< The first few of what is wrong.

  /// Nothing lost, invented or out of order; duplicates are the caller's to judge.
  bool sound() const { return lost == 0 && invented == 0 && disordered == 0 && strayed == 0; }
  double duplicate_share() const;
  std::string text() const;
};

/// Draws up the account in one walk over the data.
/// `offsets[p][n]`: the file offset of line n of producer p (Producer::join()). `partitions`: one
/// file each. It holds what a reader got, in its order, with a newline after each record.
Account settle(const LogCorpus& corpus, std::span<const std::vector<std::uint64_t>> offsets,
               std::span<const std::filesystem::path> partitions);

/// What a producer that was killed now and then has appended, line by line.
struct Written {
  enum class Fate : std::uint8_t {
    absent,   ///< Not all of it is in the file: it must not arrive.
    perhaps,  ///< Whole, or whole but for its newline.
    whole,    ///< In the file: it must arrive.
  };
  std::vector<Fate> fates = {};  ///< By number.
  std::vector<std::string> torn =
      {};                ///< Lines: what kills left, without newline (FORMAT.md, Limits).
  bool has_key = false;  ///< All of it belongs in one partition.
  bool in_order = true;  ///< False: it may arrive in any order.
};

/// The same if the order in the file is known for each producer alone.
Account settle(const LogCorpus& corpus, std::span<const Written> written,
               std::span<const std::filesystem::path> partitions);

}  // namespace punchline::testing
