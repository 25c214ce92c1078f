#pragma once

#include <cstdint>

namespace punchline {

/// How far the log of one partition reached when a record of ours was last confirmed. Pure.
///
/// A leader gives offsets in ascending order. To a batch that it takes for a repetition it gives
/// the offset of the first time. So an offset at or below the last confirmed one shows that the log
/// was set back since. Nobody can say whether the records that it confirms now are there: from then
/// on this client's confirmations are in doubt.
class LogMark {
 public:
  enum class Word : std::uint8_t {
    counts,
    shows_loss,  ///< The first one in doubt: the offsets from it up to confirmed() are gone.
    in_doubt,
  };

  /// Hears a report with error 0 about `records` records, the first at offset `first`.
  Word hear(std::int64_t first, std::uint32_t records) {
    if (in_doubt_) return Word::in_doubt;
    in_doubt_ = first <= confirmed_;
    if (in_doubt_) return Word::shows_loss;
    confirmed_ = first + records - 1;
    return Word::counts;
  }
  /// The last confirmed offset; -1: none.
  std::int64_t confirmed() const { return confirmed_; }
  /// Another log has taken its place.
  void forget() { confirmed_ = -1; }
  /// From then on another client is used.
  void renew() { in_doubt_ = false; }

 private:
  std::int64_t confirmed_ = -1;
  bool in_doubt_ = false;
};

}  // namespace punchline
