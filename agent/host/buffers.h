#pragma once

#include <algorithm>
#include <ctime>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "agent/core/config.h"
#include "agent/core/forwarder.h"
#include "agent/core/log.h"
#include "agent/core/metrics.h"
#include "agent/host/folder.h"
#include "agent/host/held_file.h"
#include "agent/host/open_buffer.h"
#include "agent/host/rotated_search.h"
#include "buffer/base/clock.h"
#include "buffer/change_watch.h"
#include "sinks/chunk.h"
#include "sinks/sink.h"

namespace punchline {

/// Keeps the buffers of one run and the pipes on them, also when their files are truncated, deleted
/// or renamed meanwhile.
///
/// A file that was truncated is begun anew from its checkpoint. A file that lost its name is
/// forwarded until it is empty and quiet, and a new one under the name is taken at once. A file
/// that a start finds to have been the buffer is forwarded in the same way. One thread.
class Buffers {
 public:
  /// All must outlive it.
  struct Parts {
    Forwarder& forwarder;
    Sink& sink;
    ChunkPool& pool;
    Metrics& metrics;
    ChangeWatch& watch;
    Log& log;
  };

  Buffers(Parts parts, const Config& config);

  /// Opens all buffers of the configuration. A failure is logged, and look() tries again. Returns
  /// the first failure with `once`, or if no buffer can be opened.
  std::optional<OpenFailure> open(TimePoint now);
  /// Something has happened to these (ChangeWatch::drain()).
  void wake(const std::vector<ChangeWatch::Id>& changed);
  /// Looks whether the files are still what they were: about once a second, and within 10 ms after
  /// a name has changed.
  void look(TimePoint now);
  /// Wakes the pipes of quarantines that have grown since the last call. True: there are some.
  bool wake_grown_quarantines();
  /// Another agent has taken over one of the buffers, which is not forwarded here any more.
  bool has_lost_one() const { return lost_one_; }
  /// Files that were a buffer, and hold something, still wait to be taken.
  bool has_rotated_left() const;
  /// Some of them could not be taken.
  bool has_untaken() const;
  /// Something waits in files that no pipe reads yet: in those above, or under a buffer's name.
  bool has_unread() const;
  /// Logs what has_unread() finds, for the end of the log. False: there is nothing.
  bool tell_of_unread() const;
  /// When to look() again.
  TimePoint due() const { return names_changed_ ? std::min(names_due_, look_due_) : look_due_; }
  /// After the last report: frees and syncs, and saves what a file without a name still holds.
  /// False if that could not be saved: then it is lost.
  bool finish(TimePoint now);

 private:
  /// What one buffer of the configuration keeps, whichever files come and go under its name.
  struct Entry {
    const BufferConfig& config;
    BufferMetrics& metrics;
    LockRequest request;  // for the lock of a new file
    RotatedSearch rotated;
  };
  enum class Taken : std::uint8_t { yes, no, undecided, moved };
  /// Which buffers without an open file: any, or only those whose file was renamed.
  enum class Missing : std::uint8_t { any, renamed };

  std::optional<OpenFailure> open_one(Entry& entry, const Opening& opening, TimePoint now, Log& log);
  void tell_of_earlier(const Entry& entry);
  bool note_failure(Entry& entry, const OpenFailure& failure, std::string_view then);
  void add_pipe(HeldFile& held, TimePoint now);
  void watch(const HeldFile& held);
  const HeldFile* file_of(const Entry& entry, bool replaced) const;
  bool is_held(const FileId& id) const;

  void look_for_rotated(Entry& entry);
  void look_for_rotated_again(TimePoint now);
  void look_for_moved(Entry& entry);
  void look_at_end(const HeldFile& held);
  void note_look(Entry& entry);
  void take_rotated(TimePoint now);
  Taken take_rotated(Entry& entry, RotatedSearch::Waiting& file, TimePoint now);
  bool has_place_for(const Entry& entry, const RotatedSearch::Waiting& file, TimePoint now) const;
  std::set<FileId> known_files() const;

  void let_go_if(const std::function<bool(HeldFile&)>& is_done);
  bool is_lost(HeldFile& held);
  bool is_spent(HeldFile& held, TimePoint now);
  Entry& entry_of(const HeldFile& held);

  void follow_truncation(HeldFile& held, TimePoint now);
  bool begin_anew(HeldFile& held, TimePoint now);
  void finish_anew(HeldFile& held, TimePoint now);

  void look_at_names(TimePoint now);
  void take_new_files(TimePoint now, Missing which);
  std::string unread_under_name(const BufferConfig& config) const;

  Parts parts_;
  const Config& config_;
  std::deque<Entry> entries_;  // of all buffers, in the configuration's order
  std::vector<std::unique_ptr<HeldFile>> held_;
  TimePoint look_due_{};
  TimePoint rotated_due_{};
  TimePoint names_due_{};       // not to look at names before
  bool names_changed_ = false;  // perhaps
  bool lost_one_ = false;
};

}  // namespace punchline
