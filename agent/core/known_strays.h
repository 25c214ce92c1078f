#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <vector>

#include "agent/core/ledger.h"
#include "buffer/base/byte_range.h"
#include "buffer/checkpoint.h"
#include "buffer/interval_set.h"
#include "buffer/kept_bytes.h"
#include "buffer/reclaim.h"
#include "buffer/space.h"
#include "buffer/strays.h"

namespace punchline {

/// Finds strays, which somebody has written where everything was done (buffer/FORMAT.md, "Below the
/// front"), and remembers what is being done about each.
///
/// Once a stray is *found* nothing frees it. It is *noted* while it is set aside or sent, and
/// *settled* once it is kept elsewhere. From then on it is freed, as long as its bytes are still
/// the same. Each call may fail with `io`. One thread. Owned by the freer.
class KnownStrays {
 public:
  /// All must outlive it. `reclaim` learns which ranges are not to be freed, and which are to be
  /// freed after all.
  KnownStrays(Checkpoint& checkpoint, const Ledger& ledger, Reclaim& reclaim,
              std::uint64_t block_bytes);

  /// An earlier run left `range`, below the front, with this checksum.
  void expect(ByteRange range, std::uint32_t checksum) { kept_.expect(range, checksum); }
  /// The first part of the file was cut off, and some of the bytes before the front were zeroed.
  void collapsed();

  /// Finds the strays where all is done, from the beginning of the file on, except those that were
  /// noted. About `found_max` at most.
  Result<std::vector<Stray>> find(std::size_t found_max);
  /// In lines: one of the strays found last goes on into bytes that are not done. Once its first
  /// part is freed, nobody can tell its rest from a line that begins there. Also true if crosses()
  /// was.
  bool is_crossed() const { return is_crossed_; }
  /// In lines: at an edge of `done` no line begins or ends any more. is_crossed() then says so too.
  bool crosses(ByteRange done);
  /// The front has moved since the bytes before it were last looked at.
  bool keeps_anew() const { return kept_front_ != ledger_.front(); }
  /// Looks once more at the bytes before the front that stay there, and remembers them.
  void remember_kept();

  /// The stray is being set aside or sent: it is neither to be freed nor to be found again.
  void note(ByteRange range);
  /// The stray is to be found again.
  void forget(ByteRange range);
  bool contains(ByteRange range) const { return strays_.contains(range); }
  bool empty() const { return strays_.empty(); }
  /// The stray is kept elsewhere: it is to be freed as long as this is its checksum.
  void settle(ByteRange range, std::uint32_t checksum);
  /// Something else was written over a settled one. All of that one is to be found again.
  bool was_written_since(ByteRange settled);
  /// A settled one has been freed.
  void freed(ByteRange settled);
  /// CRC-32C of the bytes that `range` holds now; empty if they cannot be read.
  std::optional<std::uint32_t> checksum_of(ByteRange range) const;

  /// Somebody writes below the front from offset 0 on, and may soon reach what is not freed yet.
  bool is_written_below();
  /// As far as a look can tell, every stray that is there was found before.
  bool is_clean_below();
  /// Settled strays are not to be freed yet: a start would take one that is not settled to be done.
  bool must_hold() const;
  /// CRC-32C of the bytes that stay in [clean, front); 0 if that is not known.
  std::uint32_t kept_checksum(Position clean) const;

 private:
  Result<Position> add(ByteRange range, std::size_t found_max, std::vector<Stray>& found);
  std::optional<ByteRange> first_unfreed_behind(Position end) const;
  Status find_below(std::size_t found_max, std::vector<Stray>& found);
  Status leave_overwritten(IntervalSet& left);
  void leave_reached(const std::vector<Stray>& found, IntervalSet& left);
  bool is_crossed_at(Position at);
  bool is_crossed_at(ByteRange done) {
    return is_crossed_at(done.begin) || is_crossed_at(done.end);
  }
  void leave_unfreed(ByteRange range);
  bool ends_a_line(Position end);

  Checkpoint& checkpoint_;
  Space& space_;
  const Ledger& ledger_;
  Reclaim& reclaim_;
  std::uint64_t block_bytes_;
  IntervalSet strays_;
  IntervalSet unsettled_;  // those of strays_ that are not settled yet
  struct Settled {
    ByteRange range;
    std::uint32_t checksum = 0;
  };
  std::map<Position, Settled> settled_;  // those that are, by where they begin
  StraySearch search_;
  KeptBytes kept_;
  Position kept_front_ = 0;    // the front when kept_ was last brought up to date
  Position looked_below_ = 0;  // where the next look begins, if the last one was not enough
  Position looked_above_ = 0;  // end of the holes above the front that were looked at last
  bool is_crossed_ = false;
};

}  // namespace punchline
