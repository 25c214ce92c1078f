#pragma once

#include <cstdint>
#include <ctime>
#include <memory>
#include <optional>
#include <string>

#include "agent/core/config.h"
#include "agent/core/key_source.h"
#include "agent/core/log.h"
#include "agent/core/loss_account.h"
#include "agent/core/metrics.h"
#include "agent/core/pipe.h"
#include "agent/host/open_buffer.h"
#include "agent/host/quarantine_file.h"
#include "buffer/base/clock.h"

namespace punchline {

/// A file that is forwarded: the one that has its buffer's name, one that has lost it since, or one
/// that was rotated before this run. Knows what becomes of it if it has no name. One thread.
struct HeldFile {
  /// All must outlive it.
  HeldFile(const BufferConfig& of, BufferMetrics& shown_in, Log& told_to, bool is_rotated,
           TimePoint now);

  /// Opens it and settles its state, and remembers the keys by which what waits was first sent.
  /// Fails as open_buffer(), and if these keys are not known. `opening_log` gets what is found.
  std::optional<OpenFailure> open(const Opening& opening, Log& opening_log);
  /// Settles the state again, of a file that was truncated. Empty: that failed, and `anew_due` is
  /// when to try it again.
  std::optional<std::unique_ptr<Checkpoint>> settle_anew(TimePoint now);

  /// Whether its path leads to another file by now, or again to it. Logs a change.
  void look_at_name(TimePoint now, bool once);
  /// Shows how much is in its quarantine, whose front `requeue`, or a pipe of its own, moves.
  void look_at_quarantine();
  /// Nobody has it open for writing, and nobody will: one that was rotated before this run may have
  /// lost its last writer long ago; to one that has just lost its name somebody may come yet. Where
  /// the kernel does not tell, none has come for a while.
  bool is_quiet(TimePoint now);

  /// Logs under which name a file can be found that holds undelivered data at the end of a run.
  void tell_of_new_name() const;
  /// Saves, in a new file, what is left in one that will be gone once it is closed. False: that
  /// failed, or nobody knows whether it will be gone.
  bool save_orphan(Source source);
  /// Notes on the file what was lost; on the one that has the name by now, where it has lost it:
  /// nobody finds the other any more.
  void note_losses_at_end();

  const BufferConfig& config;
  BufferMetrics& metrics;
  Log& log;
  std::unique_ptr<KeySource> keys;      ///< nullptr: none.
  std::unique_ptr<KeySource> old_keys;  ///< For what was first sent by other settings.
  OpenBuffer buffer;
  std::unique_ptr<LossAccount> losses;
  std::unique_ptr<QuarantineFile> quarantine;
  Pipe* pipe = nullptr;      ///< Owned by the forwarder.
  const bool rotated;        ///< It had lost the name before this run.
  bool replaced;             ///< The name leads to another file, or to none.
  TimePoint busy{};          ///< When it was last seen not drained, or to have grown.
  TimePoint anew_due{};      ///< Not to be begun anew before.
  bool settled_anew = false;     ///< Truncated: the state on the file is a new one.
  std::uint64_t size_woken = 0;  ///< Of a quarantine, when its pipe was last woken for that.
  std::uint64_t size_seen = 0;   ///< When it was last looked at.
  struct timespec opened {};     ///< filesystem_now() just before it was opened.

 private:
  std::optional<OpenFailure> find_old_keys();
  void tell_if_gone();
  std::string where_to() const;
  std::string fate() const;

  std::int64_t quarantine_changed_ns_ = 0;  // its ctime, when it was last looked into
  bool is_gone_ = false;                    // it lost its last name, and that was logged
};

}  // namespace punchline
