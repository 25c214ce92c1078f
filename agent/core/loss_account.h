#pragma once

#include <cstdint>

#include "agent/core/metrics.h"
#include "buffer/base/clock.h"
#include "buffer/buffer_file.h"
#include "buffer/losses.h"

namespace punchline {

/// What one buffer has lost: shown at once, and noted on the file as soon as that can be.
///
/// It outlives the pipes that begin anew on the same file, and so also remembers what the last one
/// had counted as read and the next one reads again. One thread.
class LossAccount {
 public:
  /// Both must outlive it.
  LossAccount(BufferFile& file, BufferMetrics& metrics) : file_(file), metrics_(metrics) {}

  /// Records that were counted as read, or waited and stand there as others.
  void add(LossReason reason, std::uint64_t records, std::uint64_t bytes);
  /// Bytes that nobody has read, and that count as read so that the figures agree.
  void add_unread(LossReason reason, std::uint64_t bytes);

  /// So much may be lost; how much is, add() is told later. Noted on its own file at once, for the
  /// case that the agent is killed before. At most until settle_expected().
  void expect(LossReason reason, std::uint64_t records, std::uint64_t bytes);
  /// The next store() takes it back.
  void settle_expected();

  /// Notes what is not noted yet, on another file than its own too. Errors as note_losses(), but
  /// for `unsupported`: then nothing is ever noted.
  Status store_on(BufferFile& file);
  /// The same on its own, each second after it could not be.
  Status store(TimePoint now);
  bool is_noted() const { return !is_any(pending_) && !is_any(too_many_); }
  /// When to call store(), if nothing else happens; TimePoint::max() for never.
  TimePoint due() const { return is_noted() ? TimePoint::max() : store_due_; }

  /// Counted as read by now, and about to be read again.
  void set_read_again(std::uint64_t records, std::uint64_t bytes);
  /// Of `records`, those that are not counted yet; the same for bytes.
  std::uint64_t new_records(std::uint64_t records) { return take(again_records_, records); }
  std::uint64_t new_bytes(std::uint64_t bytes) { return take(again_bytes_, bytes); }

 private:
  static std::uint64_t take(std::uint64_t& credit, std::uint64_t count);

  BufferFile& file_;
  BufferMetrics& metrics_;
  Losses pending_{};   // not noted yet
  Losses expected_{};  // noted, and not settled
  Losses too_many_{};  // noted, and to be taken back
  TimePoint store_due_{};
  std::uint64_t again_records_ = 0;
  std::uint64_t again_bytes_ = 0;
};

}  // namespace punchline
