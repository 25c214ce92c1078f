#pragma once

#include <cstdint>

namespace punchline {

/// How far the log of one partition reached when a record of ours was confirmed last. Pure.
///
/// A leader gives offsets in ascending order, and to what it takes for a repetition that of the
/// first time. So an offset at or below the last one that was confirmed shows that the log was set
/// back since. Whether what it confirms now is there nobody can say: this client's word is doubted
/// from then on.
class LogMark {
 public:
  enum class Word : std::uint8_t {
    counts,
    shows_loss,  ///< The first one in doubt: offsets from it on up to confirmed() are gone.
    in_doubt,
  };

  /// A report of error 0 about `records` records, the first at offset `first`.
  Word hear(std::int64_t first, std::uint32_t records) {
    if (in_doubt_) return Word::in_doubt;
    in_doubt_ = first <= confirmed_;
    if (in_doubt_) return Word::shows_loss;
    confirmed_ = first + records - 1;
    return Word::counts;
  }
  /// The last offset; -1 for none.
  std::int64_t confirmed() const { return confirmed_; }
  /// Another log stands in its place.
  void forget() { confirmed_ = -1; }
  /// Another client is asked from now on.
  void renew() { in_doubt_ = false; }

 private:
  std::int64_t confirmed_ = -1;
  bool in_doubt_ = false;
};

}  // namespace punchline
