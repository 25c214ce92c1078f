#pragma once

#include <algorithm>
#include <ctime>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "agent/core/config.h"
#include "agent/core/forwarder.h"
#include "agent/core/key_source.h"
#include "agent/core/log.h"
#include "agent/core/loss_account.h"
#include "agent/core/metrics.h"
#include "agent/host/folder.h"
#include "agent/host/open_buffer.h"
#include "agent/host/quarantine_file.h"
#include "agent/host/rotated.h"
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

  Buffers(Parts parts, const Config& config) : parts_(parts), config_(config) {}

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
  /// Files that were a buffer still wait to be taken.
  bool has_rotated_left() const { return !rotated_.empty(); }
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
  struct Held {
    const BufferConfig& config;
    BufferMetrics& metrics;
    std::unique_ptr<KeySource> keys;  // nullptr: none
    OpenBuffer buffer;
    std::unique_ptr<LossAccount> losses;
    std::unique_ptr<QuarantineFile> quarantine;
    Pipe* pipe = nullptr;                    // owned by the forwarder
    bool replaced = false;                   // its path leads to another file, or to none
    bool rotated = false;                    // so from the beginning: taken as a rotated file
    TimePoint busy{};                        // when last seen not drained, or to have grown
    TimePoint anew_due{};                    // not to be begun anew before
    bool settled_anew = false;               // truncated: the state on the file is a new one
    std::uint64_t size = 0;                  // of a quarantine, when it was last woken for that
    std::uint64_t size_seen = 0;             // when it was last looked at
    std::int64_t quarantine_changed_ns = 0;  // its ctime, when it was last looked into
    std::unique_ptr<KeySource> old_keys = nullptr;  // for what was first sent by other settings
    struct timespec opened {};                      // filesystem_now() just before it was opened
    bool is_gone = false;                           // it lost its last name, and that was logged
  };

  /// A file that was found to have been a buffer, and is not taken yet.
  struct RotatedFile {
    std::size_t index;  // of its buffer
    std::string path;
    FileId id;
    LockRequest request;

    bool has_moved() const;
  };

  std::optional<OpenFailure> open_one(const BufferConfig& config, BufferMetrics& metrics,
                                      const Opening& opening, TimePoint now, Log& log);
  void tell_of_earlier(const Held& held);
  bool note_failure(std::size_t index, const OpenFailure& failure, std::string_view then);
  void look_for_rotated(std::size_t index);
  void search_for_rotated(std::size_t index);
  void tell_of_closed(const BufferConfig& config, const std::vector<FoundBeside>& found);
  void tell_of_unknown(const BufferConfig& config, const std::vector<FoundBeside>& found);
  std::set<FileId> known_files() const;
  bool is_held(const FileId& id) const;
  std::vector<std::string> rotated_left(const BufferConfig& config) const;
  bool has_unknown() const;
  std::set<std::string> unknown_of(const BufferConfig& config) const;
  std::string unread_under_name(const BufferConfig& config) const;
  void take_rotated(TimePoint now);
  enum class Taken : std::uint8_t { yes, no, undecided, moved };
  Taken take_rotated(RotatedFile& file, TimePoint now);
  bool has_place_for(const BufferConfig& config) const;
  void let_go_if(const std::function<bool(Held&)>& is_done);
  bool is_lost(Held& held);
  void add_pipe(Held& held, TimePoint now);
  static std::optional<OpenFailure> find_old_keys(Held& held);
  void watch(const Held& held);
  void follow_truncation(Held& held, TimePoint now);
  std::optional<std::unique_ptr<Checkpoint>> settle_anew(Held& held, TimePoint now);
  bool begin_anew(Held& held, TimePoint now);
  void finish_anew(Held& held, TimePoint now);
  void look_at_names(TimePoint now);
  void look_at_name(Held& held, TimePoint now);
  /// Which buffers without an open file: any, or only those whose file was renamed.
  enum class Missing : std::uint8_t { any, renamed };
  void take_new_files(TimePoint now, Missing which);
  static void look_at_quarantine(Held& held);
  bool is_spent(Held& held, TimePoint now);
  bool may_note_seen(const BufferConfig& config) const;
  void note_seen(const BufferConfig& config);
  void look_for_rotated_again(TimePoint now);
  void look_at_queue();
  void note_seen_at_end(const Held& held);
  /// Saves, under a new name, what is left in a file that will be gone once we close it.
  bool save_orphan(Held& held, Source source);
  void note_losses_at_end(Held& held);
  void tell_of_new_name(const Held& held);
  static std::string where_to(const Held& held);
  static std::string fate_of(const Held& held);
  static bool is_quiet(Held& held, TimePoint now);
  void tell_if_gone(Held& held);

  Parts parts_;
  const Config& config_;
  std::vector<std::unique_ptr<Held>> held_;
  TimePoint look_due_{};
  std::map<const BufferConfig*, LockRequest> requests_;   // for the locks of new files
  std::deque<RotatedFile> rotated_;                       // oldest first
  TimePoint rotated_due_{};
  /// The folder that was looked into, and the last look there, of this run or an earlier one.
  using Seen = std::pair<std::optional<FileId>, Result<LastLook>>;
  std::map<const BufferConfig*, Seen> seen_;
  std::map<const BufferConfig*, struct timespec> looked_;  // to be noted as the last look
  std::map<const BufferConfig*, std::set<FileId>> named_;  // files named in the log before
  std::map<const BufferConfig*, std::set<std::string>> not_taken_;  // files that could not be taken
  std::map<const BufferConfig*, std::set<std::string>> unknown_;    // or could not be looked at
  std::set<const BufferConfig*> unnoted_;  // those whose last look is not noted yet
  TimePoint look_again_due_{};             // at the unknown ones
  TimePoint names_due_{};                  // not to look at names before
  bool names_changed_ = false;             // perhaps
  bool lost_one_ = false;
};

}  // namespace punchline
