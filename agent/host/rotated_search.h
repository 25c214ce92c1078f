#pragma once

#include <ctime>
#include <deque>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "agent/core/config.h"
#include "agent/core/log.h"
#include "agent/host/folder.h"
#include "agent/host/rotated.h"
#include "buffer/base/clock.h"
#include "buffer/lock.h"

namespace punchline {

/// The search for rotated files of one buffer over a run: what has been found and waits to be
/// forwarded, what the log has been told, and when an agent has last looked.
///
/// A look finds nothing that came before the last one, so that is noted only once all that it has
/// found is safe: see note(). One thread.
class RotatedSearch {
 public:
  /// A file that was the buffer, and is not forwarded yet.
  struct Waiting {
    std::string path;
    FileId id;
    bool is_empty;  ///< Nothing is left of it, but records may still come.
    LockRequest request;

    /// Its path leads elsewhere by now, or nowhere.
    bool has_moved() const;
  };

  /// All must outlive it.
  RotatedSearch(const BufferConfig& config, const Config& all, Log& log);

  /// Looks into the folder. Queues what is to be forwarded in waiting(), but for what is `known` to
  /// be forwarded or to wait, and logs what an operator has to take care of. `opened` is
  /// filesystem_now() from just before the file was opened that has the buffer's name. Without one
  /// the look is not noted, since what has the name may lose it before anybody has seen it.
  void look(const std::set<FileId>& known, std::optional<struct timespec> opened);
  /// All that was rotated before this time has been looked at.
  void set_looked(struct timespec looked) { looked_ = looked; }

  /// Those that hold something first, each kind oldest first. The caller takes out what it has
  /// taken, or cannot take.
  std::deque<Waiting>& waiting() { return waiting_; }
  const std::deque<Waiting>& waiting() const { return waiting_; }
  /// Some of them hold something.
  bool has_waiting() const { return !waiting_.empty() && !waiting_.front().is_empty; }
  /// Looks at those that wait. Takes out those that have other names by now, or none.
  std::vector<Waiting> take_moved();
  /// One of these was found nowhere any more.
  void tell_of_gone(const Waiting& file);

  void set_taken(const std::string& path, bool is_taken);

  /// Notes on the lock file when the last look was, so that no later start looks at what is older.
  /// Only if nothing is left of what was found: `is_rest_safe` says that of the files that are
  /// forwarded. If it cannot be noted yet, is_unnoted() asks for another call.
  void note(bool is_rest_safe);
  bool is_unnoted() const { return is_unnoted_; }
  void note_later() { is_unnoted_ = true; }
  /// The buffer is another agent's by now: what was seen is its to note.
  void forget_look();

  /// Something could not be looked at, so nobody knows what is left.
  bool has_unknown() const { return !unknown_.empty(); }
  /// True every few seconds while has_unknown().
  bool is_due_again(TimePoint now);
  /// Files that could not be taken.
  bool has_untaken() const { return !untaken_.empty(); }
  /// Logs, at the end of a run, what stays in rotated files. False: nothing.
  bool tell_of_rest() const;

 private:
  void put_in_order();
  void tell_of_closed(const std::vector<FoundBeside>& found);
  void tell_of_unknown(const std::vector<FoundBeside>& found);
  std::vector<std::string> rest() const;

  const BufferConfig& config_;
  const Config& all_;
  Log& log_;
  const bool is_quarantine_;
  std::deque<Waiting> waiting_;
  std::set<std::string> untaken_;  // paths
  std::set<std::string> unknown_;
  std::set<FileId> named_;  // in the log before
  /// The folder that was looked into, and the last look there, of this run or an earlier one.
  std::optional<std::pair<std::optional<FileId>, Result<LastLook>>> seen_;
  std::optional<struct timespec> looked_;  // to be noted as the last look
  bool is_unnoted_ = false;
  TimePoint again_due_{};
};

}  // namespace punchline
