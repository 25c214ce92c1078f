#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "agent/core/freer.h"
#include "buffer/append_writer.h"
#include "buffer/checkpoint.h"
#include "buffer/quarantine.h"
#include "buffer/scanner.h"

namespace punchline {

/// Gives what a quarantine holds back to its buffer, and frees it there when it is durable.
///
/// Promise: an entry is freed only when its record is durable in the buffer; a crash in between
/// gives it back twice, never not at all. Works beside an agent on the buffer.
class Requeue {
 public:
  struct Parts {
    Checkpoint& checkpoint;  ///< Of the quarantine, started.
    FreerLimits limits;
    AppendWriter& buffer;
    std::string buffer_uuid;            ///< Empty: not known yet.
    std::function<bool()> interrupted;  ///< Then it ends before the next entry.
  };
  struct Account {
    std::uint64_t back = 0;              ///< Durable in the buffer again.
    std::uint64_t torn = 0;              ///< Left: not proved whole, and not forced.
    std::uint64_t oversize = 0;          ///< Left: still over the limit.
    std::uint64_t unfit = 0;             ///< Left: the buffer's format has no place for it.
    std::uint64_t foreign = 0;           ///< Left: of another buffer, and not forced ...
    std::string foreign_uuid;            ///< ... the first one of this.
    std::uint64_t damaged = 0;           ///< Left: no sound entry.
    std::uint64_t unfinished_bytes = 0;  ///< Left: an entry at the end that is not all there.
    bool interrupted = false;            ///< The rest has not been looked at.
    bool all() const { return torn + oversize + unfit + foreign + damaged + unfinished_bytes == 0; }
  };

  Requeue(Parts parts, bool force);

  /// All of it that is of this buffer. Errors: `refused` where an entry is none of a quarantine;
  /// `io`, `no_space`. What is before it has been given back and freed then.
  Result<Account> go();

 private:
  bool is_interrupted() { return account_.interrupted = parts_.interrupted(); }
  Status take_all(const std::vector<Item>& items, std::string_view bytes, Position at);
  Status take(const Item& item, std::string_view frame);
  Status take_entry(const QuarantineLabel& label, std::string_view content, ByteRange range);
  Result<bool> add_line(const QuarantineLabel& label, std::string_view content);
  Result<bool> add_frame(const QuarantineLabel& label, std::string_view content);
  Status settle();
  Status still_there() const;
  Error give_up(Error why);

  Parts parts_;
  bool force_;
  Ledger ledger_;
  Freer freer_;
  Account account_;
  std::vector<ByteRange> written_;  // not durable in the buffer yet
};

}  // namespace punchline
