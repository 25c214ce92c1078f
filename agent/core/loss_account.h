#pragma once

#include <cstdint>

#include "agent/core/metrics.h"
#include "buffer/base/clock.h"
#include "buffer/buffer_file.h"
#include "buffer/losses.h"

namespace punchline {

/// Counts what one buffer has lost: shows it at once, and notes it on the file as soon as possible.
///
/// It outlives the pipes that begin anew on the same file. So it also remembers what the last pipe
/// had counted as read and the next one reads again. One thread.
class LossAccount {
 public:
  /// Both must outlive it.
  LossAccount(BufferFile& file, BufferMetrics& metrics) : file_(file), metrics_(metrics) {}

  /// Records are lost that were counted as read, or that waited and were overwritten.
  void add(LossReason reason, std::uint64_t records, std::uint64_t bytes);
  /// Bytes are lost that nobody has read. They count as read, so that the figures agree.
  void add_unread(LossReason reason, std::uint64_t bytes);

  /// So much may be lost; how much really is, add() is told later. It is noted on its own file at
  /// once, in case the agent is killed before. Holds until settle_expected().
  void expect(LossReason reason, std::uint64_t records, std::uint64_t bytes);
  /// The next store() takes back what was expected.
  void settle_expected();

  /// Notes what is not noted yet on `file`, which can be another file than its own. Errors as
  /// note_losses(), except `unsupported`: then nothing is ever noted.
  Status store_on(BufferFile& file);
  /// The same on its own file; after a failure once a second.
  Status store(TimePoint now);
  bool is_noted() const { return !is_any(pending_) && !is_any(too_many_); }
  /// When to call store(), if nothing else happens; TimePoint::max() for never.
  TimePoint due() const { return is_noted() ? TimePoint::max() : store_due_; }

  /// So much has been counted as read and is about to be read again.
  void set_read_again(std::uint64_t records, std::uint64_t bytes);
  /// How many of `records` have not been counted yet; the same for bytes.
  std::uint64_t new_records(std::uint64_t records) { return take(again_records_, records); }
  std::uint64_t new_bytes(std::uint64_t bytes) { return take(again_bytes_, bytes); }

 private:
  static std::uint64_t take(std::uint64_t& credit, std::uint64_t count);

  BufferFile& file_;
  BufferMetrics& metrics_;
  Losses pending_{};   // not noted yet
  Losses expected_{};  // noted, not settled yet
  Losses too_many_{};  // noted, and to be taken back
  TimePoint store_due_{};
  std::uint64_t again_records_ = 0;
  std::uint64_t again_bytes_ = 0;
};

}  // namespace punchline
