#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "buffer/base/byte_range.h"
#include "buffer/base/result.h"
#include "buffer/buffer_file.h"
#include "buffer/collapse.h"
#include "buffer/origin.h"
#include "buffer/space.h"
#include "buffer/state.h"

namespace punchline {

/// What start() found and did, for the log.
struct StartReport {
  Origin origin = Origin::resumed;
  std::uint64_t taken_back_bytes = 0;  ///< How far the front went back to what was synced.
  std::uint64_t collapsed_bytes = 0;   ///< Cut off by a collapse that a crash had interrupted.
  /// At most so many that waited were truncated away; 0 where StartFacts::truncated.
  std::uint64_t lost_bytes = 0;
  bool fence_set = false;
  bool tail_closed = false;           ///< An unfinished last line was closed with NUL + newline.
  std::vector<std::string> warnings;  ///< Sentences for an operator.
};

/// The durable memory of one buffer: front, base, fences, how far it was synced.
///
/// Promise: at any moment a crash leaves an attribute from which start() goes on without losing an
/// unconfirmed byte. Whole blocks may be freed below stored_front(), never above. A state that
/// cannot be written (full disk, no attributes) is kept in memory and tried again by store();
/// stored_front() stays where it is until then. One thread. Does not free, does not read records.
class Checkpoint {
 public:
  /// `file` must outlive this. start() comes before anything else.
  Checkpoint(BufferFile& file, StartFacts facts) : file_(file), facts_(facts), space_(file) {}
  Checkpoint(const Checkpoint&) = delete;
  Checkpoint& operator=(const Checkpoint&) = delete;

  /// Reads the state, settles what happened since, sets a fence where one is due, and makes the
  /// outcome durable. Call it with the lock held and before the file is opened for writing.
  /// Errors: `refused` for a state of a newer version; `io`.
  Result<StartReport> start();

  /// The bytes of the buffer by their positions. Base, format, fences, salts and the old front in it
  /// are kept by this class; the limits in it are its user's to set.
  Space& space() { return space_; }
  Position base() const { return state_.base; }
  /// `none` until there is a whole record: see settle_format().
  Format format() const { return state_.format; }
  /// There are only NULs, by which no format can be told; they may be room that a producer has made.
  bool is_all_room() const { return format() == Format::none && all_room_; }
  /// format() is in the attribute, or there is no attribute to put it into.
  bool format_stored() const { return !supported_ || stored_format_ == state_.format; }
  Position front() const { return state_.front; }
  Position stored_front() const { return stored_front_; }
  Position synced() const { return state_.synced; }
  const State& state() const { return state_; }
  const std::vector<Position>& fences() const { return space_.rules().fences; }
  /// Lines that begin below are read carefully.
  Position careful_until() const { return space_.rules().careful_until(); }
  /// Of other files whose frames this one holds, being a copy.
  const std::vector<std::uint32_t>& salts() const { return space_.rules().salts; }
  /// What is not done was spread so, as far as any of it was sent.
  const Spread& spread() const { return spread_; }
  /// To be stored before anything is sent so.
  void note_spread(const Spread& spread);
  /// What was noted last of what is clean, as far as it is of this state and below the front.
  /// Nothing: not known.
  const std::optional<Freed>& freed() const { return freed_; }
  /// Notes it, if it is news. Ask only once a sync() since has succeeded. Failing harms nobody: less
  /// is known at the next start.
  void note_freed(Position to, std::uint32_t kept_checksum);
  bool attributes_supported() const { return supported_; }
  /// The file says of itself that it is this buffer, as far as it can: a later start knows it again.
  bool is_stored() const { return is_stored_ || !supported_; }
  /// Something is not in the attributes yet: call store() about once a second.
  bool needs_store() const {
    return dirty_ || fences_dirty_ || salts_dirty_ || spread_dirty_ || intent_stands_;
  }
  /// Nothing below may be freed for now, since a collapse is not yet noted; 0 for no such limit.
  Position free_from() const { return intent_stands_ ? free_from_ : 0; }

  /// Everything below `front` is done. Not below the present front. The front is moved in memory
  /// even if it cannot be stored.
  Status move_front(Position front);

  /// fdatasync, then notes how far the file is durable. On failure a fence is set at the end of the
  /// file: what was written before may read differently once the cache is gone.
  Status sync();

  /// After EIO from punch or collapse: as after a failed sync.
  void distrust();

  /// While format() is `none`: looks whether there is a record by now, and takes its format.
  Status settle_format();

  /// Cuts the hole at the front off the file, if that is worth it and safe, and returns how many
  /// bytes; base() is so much higher then, no position changes. Nobody may be reading the file
  /// meanwhile (ext4 mixes before and after in one read). Blocks: it syncs first, and the kernel
  /// writes out what has been appended since. Errors: `unsupported`, `no_space`, `io`: nothing has
  /// been cut off, or it is carried to its end by the next start(), or lost_place() is true.
  Result<std::uint64_t> collapse(const CollapseLimits& limits);

  /// Whether something may begin at `at`, where something was known to begin: in lines a newline
  /// stands before it, or NULs. If not, the file was truncated and has grown again since. Errors:
  /// `io`.
  Result<bool> may_begin_at(Position at);

  /// A failed collapse left nothing that base() could stand for: begin anew with a new Checkpoint.
  bool lost_place() const { return lost_place_; }

  /// A NUL gap was met: this buffer will not be collapsed again.
  void note_gap();

  /// Writes what is not stored yet.
  Status store();

  /// The last word at an orderly stop: data and attributes durable.
  Status finish();

 private:
  Result<StartReport> start_without_state();
  Result<StartReport> start_with_state(const State& found, StartReport report);
  Result<StartReport> resume(StartReport report);
  void adopt(const State& state);
  void begin_anew(StartReport& report, Origin origin, const std::string& why);
  Status fence_and_close(StartReport& report);
  Result<Position> record_end(Position end);
  Result<bool> tail_is_unfinished(Position end);
  Status close_tail(StartReport& report);
  void load_fences();
  void add_fence(Position at);
  void drop_passed_fences();
  void note_stored();
  Status store_state();
  Status store_fences();
  Status store_changed(bool& dirty, std::string_view name, const std::string& bytes);
  void load_salts();
  void add_salt(std::uint32_t salt);
  void load_spread();
  void load_freed();
  Status settle_intent(State& found, StartReport& report);
  Status hide_done_from(Offset begin);
  Status shift(const CollapseIntent& intent);
  Result<Position> end();

  BufferFile& file_;
  StartFacts facts_;
  State state_;
  Space space_;
  Spread spread_;
  std::optional<Freed> freed_;
  bool intent_stands_ = false;  // of what is done, or means nothing: to be removed
  Position free_from_ = 0;
  Position stored_front_ = 0;
  Position stored_synced_ = 0;
  Format stored_format_ = Format::none;
  bool is_stored_ = false;
  bool lost_place_ = false;
  bool torn_text_ = false;  // all there is, and it does not tell the format
  bool all_room_ = false;   // no text at all, and no format
  bool supported_ = true;
  bool dirty_ = false;
  bool fences_dirty_ = false;
  bool salts_dirty_ = false;
  bool spread_dirty_ = false;
};

/// How a state of a later version is refused.
Error newer_version(const BufferFile& file);

/// The state as it stands, for readers beside the agent. Changes nothing.
struct StoredState {
  bool exists = false;
  Decoded decoded = Decoded::damaged;
  State state;  ///< With decoded == ok; otherwise as for a buffer without state.
  std::vector<Position> fences;
  bool fences_sound = true;  ///< Their attribute checks, or there is none.
  std::string raw;  ///< Both attributes' bytes: equal before and after means nothing moved.
};
Result<StoredState> read_stored_state(BufferFile& file);

/// How many bytes a start would find at or behind the front, at most: all of them where there is no
/// sound state of this very file, or where it was truncated. A collapse that is noted may have been
/// done. Errors as read_stored_state().
Result<std::uint64_t> bytes_behind_front(BufferFile& file);

/// The format a writer has to keep to: as the state says, or as the contents do; `none` where
/// nothing has been appended yet. Errors: `refused` for a state of a newer version; `io`.
Result<Format> standing_format(BufferFile& file);

}  // namespace punchline
