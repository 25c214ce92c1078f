#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "buffer/base/byte_range.h"
#include "buffer/base/result.h"
#include "buffer/collapse.h"
#include "buffer/space.h"
#include "buffer/state.h"

namespace punchline {

/// The attributes of one buffer (buffer/FORMAT.md, "Attributes"): the values as they have to be,
/// and which of them the file does not hold yet.
///
/// Promise: they are written in such an order that a start can rely on whatever a crash leaves of
/// them. Fences and salts come before the state whose boot says that they are there. The intent of
/// a collapse goes after the state that has its outcome. A value that cannot be written is kept in
/// memory, and store() tries again. Without user attributes on the filesystem every call succeeds
/// and writes nothing. One thread. Errors of the calls that write: as for
/// BufferFile::set_attribute().
class Attributes {
 public:
  /// The rules of `space` have the fences and the salts; its base and format are those of the
  /// state. It must outlive this. `boot` is fold_boot_id() of the running boot.
  Attributes(Space& space, std::uint64_t boot) : space_(space), boot_(boot) {}
  Attributes(const Attributes&) = delete;
  Attributes& operator=(const Attributes&) = delete;

  /// Reads the salts and the spread, and returns the bytes of the state. Empty if there is none, or
  /// if the filesystem has no attributes. Errors: as for BufferFile::attribute().
  Result<std::optional<std::string>> load();
  /// The filesystem has user attributes. True until load() has found out.
  bool supported() const { return supported_; }

  const State& state() const { return state_; }
  /// For a change that store() writes. The base and the format have calls of their own.
  State& change();
  void set_base(Position base);
  void set_format(Format format);
  /// Takes over the state that the file holds. Reads the fences that go with it: if they cannot be
  /// read, everything up to the end of the file is read carefully.
  void adopt(const State& found);
  /// Takes the front back below the one that the file holds. stored_front() goes back with it.
  void take_front_back(Position front);
  /// Reads what is clean below the front (freed()).
  void load_freed();
  /// Begins with `state` and these fences, whatever the file holds.
  void begin_anew(const State& state, std::vector<Position> fences);

  /// Moves the front and writes the state, in one call. The front moves even if that fails.
  Status move_front(Position front);
  /// Whole blocks can be freed below it: the file holds it, or a higher one that it was taken back
  /// from.
  Position stored_front() const { return stored_ ? stored_->front : 0; }
  /// The file carries a state of this buffer.
  bool is_stored() const { return stored_.has_value(); }
  /// The file holds the present format.
  bool format_stored() const;

  const std::vector<Position>& fences() const { return space_.rules().fences; }
  /// Unless there is one at or after `at`.
  void add_fence(Position at);
  /// Forgets the fences that no start can come back to.
  void drop_passed_fences();
  /// Before the boot is noted: a start of another boot must find the fence.
  Status store_fences();
  /// Adds the salt of another file, once.
  void add_salt(std::uint32_t salt);

  const Spread& spread() const { return spread_; }
  void set_spread(const Spread& spread);

  const std::optional<Freed>& freed() const { return freed_; }
  /// Writes it at once if it differs. A failure is harmless: the next start knows less.
  void note_freed(Position to, std::uint32_t kept_checksum);

  /// The file has an intent that is carried out, or that means nothing. store() removes it. Nothing
  /// below `free_from` can be freed until then.
  void leave_intent(Position free_from);
  /// Such an intent is there.
  bool has_intent() const { return intent_free_from_.has_value(); }
  Position free_from() const { return intent_free_from_.value_or(Position{}); }

  bool needs_store() const;
  /// Writes everything that the file does not hold yet, in order, and makes it durable.
  Status store();

 private:
  void take(const State& state);
  void load_fences();
  Status store_state();
  Status store_changed(bool& changed, std::string_view name, const std::string& value);
  void note_stored();

  Space& space_;
  std::uint64_t boot_;
  bool supported_ = true;
  State state_;
  std::optional<State> stored_;  // with a front that is not above the one taken back to
  Spread spread_;
  std::optional<Freed> freed_;
  std::optional<Position> intent_free_from_;
  bool state_changed_ = false;
  bool fences_changed_ = false;
  bool salts_changed_ = false;
  bool spread_changed_ = false;
};

}  // namespace punchline
