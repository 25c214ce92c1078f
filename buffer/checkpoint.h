#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "buffer/attributes.h"
#include "buffer/base/byte_range.h"
#include "buffer/base/result.h"
#include "buffer/buffer_file.h"
#include "buffer/collapse.h"
#include "buffer/collapser.h"
#include "buffer/origin.h"
#include "buffer/space.h"
#include "buffer/start.h"
#include "buffer/state.h"
#include "buffer/sync.h"

namespace punchline {

/// The durable memory of one buffer: its front, base, fences and synced position.
///
/// Promise: a crash at any moment leaves attributes from which start() goes on without losing an
/// unconfirmed byte. Whole blocks can be freed below stored_front(). Above it only bytes can be
/// freed whose hole then shows that they are done (F2). A state that cannot be written (full disk,
/// no attributes) is kept in memory, and store() tries again; stored_front() does not move until
/// that succeeds. One thread. A Checkpoint neither frees blocks nor reads records.
///
/// It is made of the attributes, of what a start makes of them, of the sync that moves the synced
/// position, and of the collapse.
class Checkpoint {
 public:
  /// `file` must outlive this object. Call start() before anything else.
  Checkpoint(BufferFile& file, StartFacts facts)
      : facts_(facts), space_(file), attributes_(space_, facts.boot) {}
  Checkpoint(const Checkpoint&) = delete;
  Checkpoint& operator=(const Checkpoint&) = delete;

  /// As start_buffer().
  Result<StartReport> start();

  /// The bytes of the buffer by their positions. This class maintains the base, the format, the
  /// fences, the salts and the old front in it. The caller sets its limits.
  Space& space() { return space_; }
  Position base() const { return state().base; }
  /// `none` until the buffer holds a whole record: see settle_format().
  Format format() const { return state().format; }
  /// The file holds only NULs, which do not tell the format; they may be a producer's room.
  bool is_all_room() const { return format() == Format::none && undecided_.all_room; }
  /// Whether format() is in the attribute. Also true if the filesystem has no attributes.
  bool format_stored() const { return attributes_.format_stored(); }
  Position front() const { return state().front; }
  Position stored_front() const { return attributes_.stored_front(); }
  Position synced() const { return state().synced; }
  const State& state() const { return attributes_.state(); }
  const std::vector<Position>& fences() const { return attributes_.fences(); }
  /// Lines that begin below this position are read carefully.
  Position careful_until() const { return space_.rules().careful_until(); }
  /// If this file is a copy: the salts of the other files whose frames it holds.
  const std::vector<std::uint32_t>& salts() const { return space_.rules().salts; }
  /// The settings by which the records that are not done, and were sent, were spread over
  /// partitions.
  const Spread& spread() const { return attributes_.spread(); }
  /// Takes new settings. store() must succeed before a record is sent by them.
  void note_spread(const Spread& spread) { attributes_.set_spread(spread); }
  /// The last note of what is clean, cut to what lies below the front. Empty if there is none, or
  /// if it belongs to another state.
  const std::optional<Freed>& freed() const { return attributes_.freed(); }
  /// Notes that everything below `to` is clean, unless that is noted already. Call it only after a
  /// sync() that began when this was already so. A failure is harmless: the next start knows less.
  void note_freed(Position to, std::uint32_t kept_checksum) {
    attributes_.note_freed(to, kept_checksum);
  }
  bool attributes_supported() const { return attributes_.supported(); }
  /// Whether the file carries a state, by which a later start recognises it as this buffer. Also
  /// true if the filesystem has no attributes.
  bool is_stored() const { return attributes_.is_stored() || !attributes_.supported(); }
  /// Whether something is not in the attributes yet. If so, call store() about once a second.
  bool needs_store() const { return attributes_.needs_store(); }
  /// Nothing below this position may be freed for now, since the intent of a collapse is still in
  /// its attribute. 0: no such limit.
  Position free_from() const { return attributes_.free_from(); }

  /// Moves the front: everything below `front` is done. It must not be below the present front.
  /// The front moves in memory even if it cannot be stored.
  Status move_front(Position front);

  /// As sync_buffer().
  Status sync() { return sync_buffer(space_, attributes_); }

  /// To be called after EIO from a punch or a collapse. Does what a failed sync() does.
  void distrust() { punchline::distrust(space_, attributes_); }

  /// While format() is `none`: looks whether the file holds a record now, and takes its format.
  Status settle_format();

  /// As Collapser::collapse().
  Result<std::uint64_t> collapse(const CollapseLimits& limits) {
    return collapser_.collapse(limits);
  }
  /// A failed collapse left the file such that base() has no meaning any more. Start again with a
  /// new Checkpoint.
  bool lost_place() const { return collapser_.lost_place(); }

  /// Notes that a NUL gap was met. The buffer is never collapsed again.
  void note_gap();

  /// Writes everything that is not stored yet.
  Status store() { return attributes_.store(); }

  /// Makes data and attributes durable. The last call at an orderly stop.
  Status finish();

 private:
  const StartFacts facts_;
  Space space_;
  Attributes attributes_;
  Collapser collapser_{space_, attributes_};
  Undecided undecided_;
};

}  // namespace punchline
