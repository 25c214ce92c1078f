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

/// Gives the entries of a quarantine back to its buffer, and frees each in the quarantine once it
/// is durable in the buffer.
///
/// Promise: an entry is freed only when its record is durable in the buffer. A crash in between
/// gives it back twice, never not at all. An agent may work on the buffer meanwhile.
class Requeue {
 public:
  struct Parts {
    Checkpoint& checkpoint;  ///< Of the quarantine, started.
    FreerLimits limits;
    AppendWriter& buffer;
    std::string buffer_uuid;            ///< Empty: not known yet.
    std::function<bool()> interrupted;  ///< If true, it ends before the next entry.
  };
  struct Account {
    std::uint64_t back = 0;              ///< Given back: durable in the buffer.
    std::uint64_t torn = 0;              ///< Left: not proved whole, and not forced.
    std::uint64_t oversize = 0;          ///< Left: still over the limit.
    std::uint64_t unfit = 0;             ///< Left: the buffer's format has no place for it.
    std::uint64_t foreign = 0;           ///< Left: from another buffer, and not forced ...
    std::string foreign_uuid;            ///< ... the first one from this.
    std::uint64_t damaged = 0;           ///< Left: no sound entry.
    std::uint64_t unfinished_bytes = 0;  ///< Left: an entry at the end that is not all there.
    bool interrupted = false;            ///< The rest has not been looked at.
    bool all() const { return torn + oversize + unfit + foreign + damaged + unfinished_bytes == 0; }
  };

  Requeue(Parts parts, bool force);

  /// Gives back all entries that come from this buffer. Errors: `refused` if an entry is not one of
  /// a quarantine; `io`, `no_space`. The entries before it have then been given back and freed.
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
  std::vector<ByteRange> written_;  // to the buffer, not durable there yet
};

}  // namespace punchline
