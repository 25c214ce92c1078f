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
  std::uint64_t taken_back_bytes = 0;  ///< How far the front went back, to the synced position.
  std::uint64_t collapsed_bytes = 0;   ///< Cut off by a collapse that a crash had interrupted.
  /// An upper bound on the waiting bytes that were truncated away; 0 if StartFacts::truncated.
  std::uint64_t lost_bytes = 0;
  bool fence_set = false;
  bool tail_closed = false;           ///< An unfinished last line was closed with NUL + newline.
  std::vector<std::string> warnings;  ///< Sentences for the operator.
};

/// The durable memory of one buffer: its front, base, fences and synced position.
///
/// Promise: a crash at any moment leaves an attribute from which start() goes on without losing an
/// unconfirmed byte. Whole blocks can be freed below stored_front(), never above it. A state that
/// cannot be written (full disk, no attributes) is kept in memory, and store() tries again;
/// stored_front() does not move until that succeeds. One thread. A Checkpoint neither frees blocks
/// nor reads records.
class Checkpoint {
 public:
  /// `file` must outlive this object. Call start() before anything else.
  Checkpoint(BufferFile& file, StartFacts facts) : file_(file), facts_(facts), space_(file) {}
  Checkpoint(const Checkpoint&) = delete;
  Checkpoint& operator=(const Checkpoint&) = delete;

  /// Reads the state, works out what has happened to the file since, sets a fence if one is due,
  /// and makes the outcome durable. Call it with the lock held, before the file is opened for
  /// writing.
  /// Errors: `refused` for a state of a newer version; `io`.
  Result<StartReport> start();

  /// The bytes of the buffer by their positions. This class maintains the base, the format, the
  /// fences, the salts and the old front in it. The caller sets its limits.
  Space& space() { return space_; }
  Position base() const { return state_.base; }
  /// `none` until the buffer holds a whole record: see settle_format().
  Format format() const { return state_.format; }
  /// The file holds only NULs, which do not tell the format; they may be a producer's room.
  bool is_all_room() const { return format() == Format::none && all_room_; }
  /// Whether format() is in the attribute. Also true if the filesystem has no attributes.
  bool format_stored() const { return !supported_ || stored_format_ == state_.format; }
  Position front() const { return state_.front; }
  Position stored_front() const { return stored_front_; }
  Position synced() const { return state_.synced; }
  const State& state() const { return state_; }
  const std::vector<Position>& fences() const { return space_.rules().fences; }
  /// Lines that begin below this position are read carefully.
  Position careful_until() const { return space_.rules().careful_until(); }
  /// If this file is a copy: the salts of the other files whose frames it holds.
  const std::vector<std::uint32_t>& salts() const { return space_.rules().salts; }
  /// The settings by which the records that are not done, and were sent, were spread over
  /// partitions.
  const Spread& spread() const { return spread_; }
  /// Takes new settings. store() must succeed before a record is sent by them.
  void note_spread(const Spread& spread);
  /// The last note of what is clean, cut to what lies below the front. Empty if there is none, or
  /// if it belongs to another state.
  const std::optional<Freed>& freed() const { return freed_; }
  /// Notes that everything below `to` is clean, unless that is noted already. Call it only after a
  /// sync() that began when this was already so. A failure is harmless: the next start knows less.
  void note_freed(Position to, std::uint32_t kept_checksum);
  bool attributes_supported() const { return supported_; }
  /// Whether the file carries a state, by which a later start recognises it as this buffer. Also
  /// true if the filesystem has no attributes.
  bool is_stored() const { return is_stored_ || !supported_; }
  /// Whether something is not in the attributes yet. If so, call store() about once a second.
  bool needs_store() const {
    return dirty_ || fences_dirty_ || salts_dirty_ || spread_dirty_ || intent_stands_;
  }
  /// Nothing below this position may be freed for now, since the intent of a collapse is still in
  /// its attribute. 0: no such limit.
  Position free_from() const { return intent_stands_ ? free_from_ : 0; }

  /// Moves the front: everything below `front` is done. It must not be below the present front.
  /// The front moves in memory even if it cannot be stored.
  Status move_front(Position front);

  /// Calls fdatasync, then notes how far the file is durable. On failure it sets a fence at the end
  /// of the file: bytes written before may read differently once the page cache is gone.
  Status sync();

  /// To be called after EIO from a punch or a collapse. Does what a failed sync() does.
  void distrust();

  /// While format() is `none`: looks whether the file holds a record now, and takes its format.
  Status settle_format();

  /// Cuts the hole at the front off the file if that is worth it and safe. Returns the number of
  /// bytes cut off; base() grows by as many, and no position changes. Nobody may read the file
  /// meanwhile (on ext4 one read can mix the bytes before and after). Blocks: it syncs first, and
  /// the kernel writes out what has been appended since. Errors: `unsupported`, `no_space`, `io`.
  /// After an error nothing has been cut off, or the next start() finishes the collapse, or
  /// lost_place() is true.
  Result<std::uint64_t> collapse(const CollapseLimits& limits);

  /// Whether a line or frame can still begin at `at`, where one was known to begin. In lines the
  /// byte before it has to be a newline or a NUL; otherwise the answer is always true. If false,
  /// the file was truncated and has grown again since. Errors: `io`.
  Result<bool> may_begin_at(Position at);

  /// A failed collapse left the file such that base() has no meaning any more. Start again with a
  /// new Checkpoint.
  bool lost_place() const { return lost_place_; }

  /// Notes that a NUL gap was met. The buffer is never collapsed again.
  void note_gap();

  /// Writes everything that is not stored yet.
  Status store();

  /// Makes data and attributes durable. The last call at an orderly stop.
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
  bool intent_stands_ = false;  // it is carried out, or means nothing, and has to be removed
  Position free_from_ = 0;
  Position stored_front_ = 0;
  Position stored_synced_ = 0;
  Format stored_format_ = Format::none;
  bool is_stored_ = false;
  bool lost_place_ = false;
  bool torn_text_ = false;  // there is only torn text, which does not tell the format
  bool all_room_ = false;   // no text at all, and no format
  bool supported_ = true;
  bool dirty_ = false;
  bool fences_dirty_ = false;
  bool salts_dirty_ = false;
  bool spread_dirty_ = false;
};

/// The error for a state of a newer version.
Error newer_version(const BufferFile& file);

/// The state as it is stored, for programs that look at a buffer beside the agent.
struct StoredState {
  bool exists = false;
  Decoded decoded = Decoded::damaged;
  State state;  ///< If decoded == ok; otherwise as for a buffer without state.
  std::vector<Position> fences;
  bool fences_sound = true;  ///< The checksum of their attribute is right, or there is none.
  std::string raw;  ///< Both attributes' bytes: equal before and after means that nothing moved.
};
/// Changes nothing.
Result<StoredState> read_stored_state(BufferFile& file);

/// An upper bound on the bytes that a start would find at or after the front. That is the whole
/// file if it has no sound state of its own, or if it was truncated. A collapse whose intent is
/// noted is assumed to have been carried out. Errors as for read_stored_state().
Result<std::uint64_t> bytes_behind_front(BufferFile& file);

/// The format that a writer has to keep to, from the state or else from the contents. `none` if
/// nothing has been appended yet. Errors: `refused` for a state of a newer version; `io`.
Result<Format> standing_format(BufferFile& file);

}  // namespace punchline
