#pragma once

#include <cstddef>
#include <deque>
#include <optional>
#include <string>
#include <vector>

#include "agent/core/ledger.h"
#include "buffer/base/clock.h"
#include "buffer/buffer_file.h"
#include "buffer/checkpoint.h"
#include "buffer/item.h"
#include "buffer/quarantine.h"

namespace punchline {

/// Stores the copies of what is set aside: the quarantine file, or memory in tests.
class SetAsideStore {
 public:
  virtual ~SetAsideStore() = default;

  /// Appends a copy; it is not durable yet. Errors: `no_space`, `io`, or why it cannot be opened.
  virtual Status add(const QuarantineLabel& label, std::string_view content) = 0;
  /// Makes all copies since the last success durable, and the name of their file. After a failure
  /// none of them may be trusted and all are to be made again: fsync(2) reports an error only once.
  virtual Status sync() = 0;
};

/// Moves what is set aside out of the buffer, so that its bytes can be freed.
///
/// Promise: a range comes out of settle() only when its copy is durable. Whatever cannot be copied
/// (no room, too large) stays in the buffer, where inspect and the next start find it again. If too
/// many stretches come at once, the rest are to be read again when there is room: overlooked(). One
/// thread. Bounded memory.
class Quarantine {
 public:
  /// All must outlive it. If `store` is nullptr, everything stays in place.
  Quarantine(Checkpoint& checkpoint, Ledger& ledger, SetAsideStore* store, std::string topic)
      : checkpoint_(checkpoint),
        space_(checkpoint.space()),
        ledger_(ledger),
        store_(store),
        topic_(std::move(topic)) {}

  /// Takes another stretch that is set aside. The ledger holds it from now on; one that is held
  /// already is not taken again. False if it stays in place and is not held: too many are on their
  /// way (a refused one will be offered again, any other is overlooked), there is no store, or one
  /// that was written below the front cannot be read. A refused one is held even without a store,
  /// or it would be offered again.
  bool take(const Item& item, std::optional<QuarantineLabel::Refusal> refusal = std::nullopt);

  /// The range of the stretches that were not taken and can be taken now. Read it again, give them
  /// to take(), then report by looked_again() how far that went. Empty: none, or none yet.
  ByteRange overlooked(TimePoint now) const;
  void looked_again(Position until);
  /// The range could not be read: try again after a while.
  void postpone(TimePoint now);

  struct Settled {
    struct Moved {
      ByteRange range;
      Position text = 0;  ///< Bytes before it are not to be freed: NULs, and what came into them.
      std::uint32_t checksum = 0;  ///< CRC-32C of the copy. One that is not whole begins at text.
    };
    std::vector<Moved> moved;        ///< Durable elsewhere: done.
    std::vector<ByteRange> changed;  ///< Written over since take(): to be looked at again.
    std::optional<Error> trouble;    ///< Why something stays for now; tried again after a while.
  };
  /// Copies are under way, and nothing has hindered them so far.
  bool is_busy() const { return has_some() && due_ == TimePoint{}; }
  bool has_work(TimePoint now) const { return has_some() && now >= due_; }
  /// Copies a bounded amount and makes it durable. Blocks for fdatasync(2).
  Settled settle(TimePoint now);
  /// The same for everything that waits, whatever the delay.
  Settled finish(TimePoint now);

  TimePoint due() const { return has_some() ? due_ : TimePoint::max(); }

 private:
  struct Waiting {
    ByteRange range;
    SetAsideReason reason;
    std::optional<QuarantineLabel::Refusal> refusal;
    std::optional<std::uint32_t> checksum = {};  // of the bytes to be copied, if they may change
  };
  QuarantineLabel label_of(const Waiting& entry) const;
  struct Content {
    Position begin;     ///< All bytes of the stretch before it are NULs.
    std::string bytes;  ///< Empty: there is nothing else, or too much.
  };
  Result<Content> read(const Waiting& entry) const;
  void overlook(ByteRange range);
  bool has_some() const { return !waiting_.empty() || !overlooked_.empty(); }
  /// Adds the outcome to `settled` or `too_large`. Returns how many bytes were copied.
  Result<std::uint64_t> copy(const Waiting& entry, Settled& settled,
                             std::vector<ByteRange>& too_large);

  const Checkpoint& checkpoint_;
  Space& space_;
  Ledger& ledger_;
  SetAsideStore* store_;
  std::string topic_;
  std::deque<Waiting> waiting_;
  ByteRange overlooked_;  // from the first to the last; not all between them was overlooked
  TimePoint due_{};
  Duration sync_delay_{};  // grows with failures in a row: after each the copies are made again
};

}  // namespace punchline
