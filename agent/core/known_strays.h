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

/// What somebody has written where everything was done (buffer/FORMAT.md, "Below the front"):
/// finds it, and remembers what is being done about it.
///
/// A stray is *found*: from then on nothing frees it. It is *noted* while it is set aside or sent, and
/// *settled* once it is kept elsewhere: from then on it is freed, as long as it is still the same.
/// Each call may fail with `io`. One thread; its owner is the freer.
class KnownStrays {
 public:
  /// All must outlive it. `reclaim` learns which ranges are not to be freed, and which are after
  /// all.
  KnownStrays(Checkpoint& checkpoint, const Ledger& ledger, Reclaim& reclaim,
              std::uint64_t block_bytes);

  /// An earlier run left `range` below the front; this is the checksum of it.
  void expect(ByteRange range, std::uint32_t checksum) { kept_.expect(range, checksum); }
  /// The first part of the file was cut off, and a part of what stands before the front was zeroed.
  void collapsed();

  /// Those that stand where all is done, from the front of the file on, but for those that note()
  /// has been told of; at most about `found_max`.
  Result<std::vector<Stray>> find(std::size_t found_max);
  /// In lines: one of those that were found then goes on into what is not done, as nobody can tell
  /// from a line that begins there once the first part of it is freed. Or crosses() has said so.
  bool is_crossed() const { return is_crossed_; }
  /// In lines: none begins or ends any more at an edge of `done`. Then is_crossed() says so too.
  bool crosses(ByteRange done);
  /// The front has moved since the bytes before it were last looked at.
  bool keeps_anew() const { return kept_front_ != ledger_.front(); }
  /// Looks once more at what stands before the front and stays there.
  void remember_kept();

  /// It is being set aside or sent: not to be freed, nor found again.
  void note(ByteRange range);
  /// It is to be found again.
  void forget(ByteRange range);
  bool contains(ByteRange range) const { return strays_.contains(range); }
  bool empty() const { return strays_.empty(); }
  /// It is kept elsewhere: to be freed as long as this is its checksum.
  void settle(ByteRange range, std::uint32_t checksum);
  /// Something else has come in the place of a settled one, all of which is to be found again.
  bool was_written_since(ByteRange settled);
  /// A settled one has been freed.
  void freed(ByteRange settled);
  /// CRC-32C of what stands in `range` now; nothing where it cannot be read.
  std::optional<std::uint32_t> checksum_of(ByteRange range) const;

  /// Somebody writes below the front from offset 0 on, and may soon come to what is not freed yet.
  bool is_written_below();
  /// As far as a look can tell, none is there that has not been found before.
  bool is_clean_below();
  /// Settled ones are not to be freed yet: a start would take another for done.
  bool must_hold() const;
  /// Of what stays in [clean, front); 0 where that is not known.
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
  IntervalSet unsettled_;  // of these, those that settle() has not been told of
  struct Settled {
    ByteRange range;
    std::uint32_t checksum = 0;
  };
  std::map<Position, Settled> settled_;  // the others, by where they begin
  StraySearch search_;
  KeptBytes kept_;
  Position kept_front_ = 0;    // when it was last brought up to date
  Position looked_below_ = 0;  // where the next look begins, if one was not enough
  Position looked_above_ = 0;  // up to where the holes above the front were looked at last
  bool is_crossed_ = false;
};

}  // namespace punchline
